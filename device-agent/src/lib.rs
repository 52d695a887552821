//! The protocol between the host and its two children, the agent and the worker, and (behind the
//! feature `engine`) what the agent does with it.
//!
//! A child reads one JSON request a line on stdin, answers with JSON lines on stdout and logs to
//! stderr. A request is complete only when its terminal line (`done` or `failed`) has arrived.
//!
//! **Invariant:** without `engine` this crate is types and line reading alone. It knows files and
//! tensors, never architectures. It opens no port.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod desk;
#[cfg(feature = "engine")]
pub mod engine;
pub mod line;
pub mod serve;
pub mod wire;
