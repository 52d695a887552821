//! The worker: the host's child process that holds torch.
//!
//! `process` serves requests from stdin, `requests` answers them; `network` is a graph as a torch module,
//! `training` and `teachers` use it, `policy` proposes a search's candidates.
//!
//! **Invariant:** nothing outside this crate sees a tensor; no call of tch here panics on what came from
//! outside; whatever a request asks for, the process answers it or ends.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod checks;
mod dataset;
mod error;
#[cfg(test)]
mod on_cuda;
mod policy;
mod progress;
mod requests;
mod split_order;
mod teachers;
mod torch_device;
mod torch_error;
mod torch_network;
#[cfg(test)]
mod toy;
mod training;
mod worker_process;

pub use worker_process::main;
