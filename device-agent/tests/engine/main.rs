//! The real agent with the real engine, driven as a host drives it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent;
mod bad_models;
mod functions;
mod hostile;
mod input_values;
mod leases;
mod limits;
mod onnx;
mod open_sizes;
mod profiles;
mod puts;
mod random_weights;
mod rig;
mod threads;
mod weights_beside;
