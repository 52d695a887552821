//! What the worker does with torch.
//!
//! **Invariant:** nothing outside this module sees a tensor; no call of tch here panics on what came
//! from outside.

mod checks;
mod dataset;
mod error;
mod evaluate;
mod forward;
mod init;
mod logits;
mod loss;
mod module;
#[cfg(test)]
mod on_cuda;
mod optimizer;
mod order;
mod parameters;
mod process;
mod requests;
mod schedule;
mod teacher;
mod torch_device;
#[cfg(test)]
mod toy;
mod train;

pub use process::run;
