//! The worker: the host's child process that holds torch, trains and judges.
//!
//! **Invariant:** whatever a request asks for, the process answers it or ends.

pub mod client;
mod environment;
pub mod idx;
pub mod layers;
pub mod protocol;
#[cfg(feature = "torch")]
mod torch;

#[cfg(feature = "torch")]
pub use torch::run;
