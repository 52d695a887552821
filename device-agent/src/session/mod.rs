//! The agent as a process: its loop, its children, and what it must restore.
//!
//! `service` runs until the host closes the agent's stdin or the idle timeout is over. `session_guard`
//! holds what the agent changed on the device and must restore. Everything that touches a model happens in
//! a fresh child process of the same executable (`isolation`, `child`), so that a model that crashes
//! its process fails one request only.
//!
//! **Invariant:** the service stores model files and never parses or runs one.

pub mod command_line;
pub(crate) mod engine_child;
pub(crate) mod folder;
pub(crate) mod isolation;
mod lease;
mod lease_owner;
pub(crate) mod lock;
mod model_store;
pub(crate) mod panic_guard;
mod pipes;
mod post_mortem;
pub(crate) mod service;
mod session_guard;
mod watchdog;
