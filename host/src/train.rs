//! What the host asks of the worker, the child process that trains.
//!
//! **Invariant:** nothing here knows torch.

pub mod environment;
mod policy_config;
mod state_bytes;
pub mod teacher_options;
pub mod weights_file;
pub mod worker_client;
pub mod worker_protocol;
