//! The real agent with the real engine, held as a host holds it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent;
mod bad_models;
mod limits;
mod onnx;
mod rig;
