//! Search spaces, networks, reference networks, costs and ONNX export.
//!
//! A [`space::Space`] decodes an [`architecture::Architecture`] into a [`network::Network`]; a
//! [`reference`](mod@reference) network is built directly. Everything else about a network (its tensors,
//! its costs, its ONNX file, torch's module, a table's keys) is derived from that graph.
//!
//! **Invariant:** everything here is a pure function of its arguments: no torch, no tract, no
//! clock, no file is touched.

#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod architecture;
pub mod builder;
pub mod costs;
pub mod infer;
pub mod network;
pub mod onnx;
pub mod op;
pub mod reference;
pub mod shape;
pub mod space;
pub mod tensors;
pub mod weights;
