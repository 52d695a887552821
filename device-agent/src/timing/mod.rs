//! Times a model in a process of its own, and the reference workload (sentinel) beside it.
//!
//! **Invariant:** processor time and the sentinel decide what counts, never the model's own latency.

pub(crate) mod clock;
pub(crate) mod launch;
mod other_inputs;
pub(crate) mod probe;
pub(crate) mod profile;
mod sampler;
mod sentinel;
mod warm_up;
