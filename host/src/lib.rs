#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "torch")]
pub mod controller;
pub mod objective;
