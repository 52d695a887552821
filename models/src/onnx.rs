//! A network and its weights as an ONNX file.
//!
//! Opset 17, one image, every shape fixed: input `input` `[1, channels, height, width]`, output
//! `logits` `[1, classes]`, both f32. Nodes have the network's names. A batch norm is folded into
//! the convolution before it, a dropout is left out, so what remains is what inference computes. The input is
//! an image that is normalised, or pixels where the graph does that itself.
//!
//! **Invariant:** equal networks, weights and forms give equal bytes.

mod beside;
mod error;
mod fold;
mod graph;
mod normalisation;
mod proto;

use onnx_protobuf::{Message, ModelProto, OperatorSetIdProto, StringStringEntryProto};

pub use beside::weights_beside;
pub use error::ExportError;
pub use normalisation::{Normalisation, PIXEL_SCALE};

use crate::network::Network;
use crate::weights::Weights;

/// The file format's version that goes with the opset.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const PRODUCER: &str = "pearl";
/// Metadata key of the network's name.
pub const NETWORK_KEY: &str = "pearl.network";

/// How a file is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<'a> {
    /// Put into the graph, whose input is then pixels from 0 to 255 as 32-bit floats.
    pub normalisation: Option<&'a Normalisation>,
    /// Keys and values after [`NETWORK_KEY`].
    pub metadata: &'a [(String, String)],
}

/// The bytes of the file of a network whose input is normalised.
pub fn export(network: &Network, weights: &dyn Weights) -> Result<Vec<u8>, ExportError> {
    export_as(network, weights, &Form::default())
}

/// The bytes of the file in this form.
pub fn export_as(
    network: &Network,
    weights: &dyn Weights,
    form: &Form<'_>,
) -> Result<Vec<u8>, ExportError> {
    check_size(network)?;
    let own = std::iter::once(proto::pair(NETWORK_KEY, &network.name));
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: vec![OperatorSetIdProto { version: OPSET, ..Default::default() }],
        producer_name: PRODUCER.to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph::graph(network, weights, form.normalisation)?).into(),
        metadata_props: own.chain(pairs(form.metadata)).collect(),
        ..Default::default()
    };
    model.write_to_bytes().map_err(|error| ExportError::Encode {
        network: network.name.clone(),
        reason: error.to_string(),
    })
}

/// The file with more metadata after its own: the bytes of `file`, and then a few more. A message followed by
/// another one is the message that has the elements of both.
pub fn append_metadata(mut file: Vec<u8>, metadata: &[(String, String)]) -> Vec<u8> {
    let more = ModelProto { metadata_props: pairs(metadata).collect(), ..Default::default() };
    file.extend(more.write_to_bytes().expect("pairs of short strings can be encoded"));
    file
}

fn pairs(metadata: &[(String, String)]) -> impl Iterator<Item = StringStringEntryProto> {
    metadata.iter().map(|(key, value)| proto::pair(key, value))
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
