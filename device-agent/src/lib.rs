//! The protocol between the host and its two children, the agent and the worker.
//!
//! The agent itself is the binary of this package: nothing that links the library links an engine.
//!
//! **Invariant:** types, line reading and hashes alone. The protocol knows files and tensors, never
//! architectures.
#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod protocol;
