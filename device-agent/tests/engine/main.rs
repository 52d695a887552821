//! The real agent with the real engine, driven as a host drives it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent;
mod bad_models;
mod hostile;
mod leases;
mod limits;
mod onnx;
mod profiles;
mod puts;
mod rig;
mod threads;
