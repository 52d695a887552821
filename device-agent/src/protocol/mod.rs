//! What a child of the host is asked, and how it answers.
//!
//! A child reads one JSON request a line on stdin, answers with JSON lines on stdout and logs to
//! stderr. A request is complete only when its terminal line (`done` or `failed`) has arrived.
//!
//! [`wire`] is the envelope, [`messages`] what the agent is asked, [`line`](mod@line) reads a bounded line,
//! [`serve`] is a child's loop, [`dispatcher`] checks the order of requests.

pub mod content_hash;
mod device_facts;
pub mod dispatcher;
mod fed_model;
pub mod line;
pub mod messages;
pub mod serve;
pub mod wire;
