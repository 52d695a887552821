//! A network and its weights as an ONNX file.
//!
//! Opset 17, one image, every shape fixed: input `input` `[1, channels, height, width]`, output
//! `logits` `[1, classes]`, both f32. Nodes have the network's names. A batch norm is folded into
//! the convolution before it, a dropout is left out, so what remains is what inference computes.
//!
//! **Invariant:** equal networks, weights and metadata give equal bytes.

mod beside;
mod error;
mod fold;
mod graph;
mod proto;

use onnx_protobuf::{Message, ModelProto, OperatorSetIdProto};

pub use beside::weights_beside;
pub use error::ExportError;

use crate::network::Network;
use crate::weights::Weights;

/// The file format's version that goes with the opset.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const PRODUCER: &str = "pearl";
/// Metadata key of the network's name.
pub const NETWORK_KEY: &str = "pearl.network";

/// The bytes of the file.
pub fn export(network: &Network, weights: &dyn Weights) -> Result<Vec<u8>, ExportError> {
    export_with_metadata(network, weights, &[])
}

/// As [`export`], with the caller's own key–value pairs after [`NETWORK_KEY`].
pub fn export_with_metadata(
    network: &Network,
    weights: &dyn Weights,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, ExportError> {
    check_size(network)?;
    let pairs = [(NETWORK_KEY, network.name.as_str())];
    let pairs = pairs.iter().chain(metadata);
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { version: OPSET, ..Default::default() }],
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph::graph(network, weights)?).into(),
        metadata_props: pairs.map(|(key, value)| proto::pair(key, value)).collect(),
        ..Default::default()
    };
    model.write_to_bytes().map_err(|error| ExportError::Encode {
        network: network.name.clone(),
        reason: error.to_string(),
    })
}

/// A protobuf message has at most 2 GiB. Parameters are most of it; half a GiB is enough for the rest.
const MOST_PARAMETER_BYTES: u64 = 3 << 29;

fn check_size(network: &Network) -> Result<(), ExportError> {
    let bytes = network.costs().params * size_of::<f32>() as u64;
    if bytes > MOST_PARAMETER_BYTES {
        return Err(ExportError::TooLarge { network: network.name.clone(), bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
