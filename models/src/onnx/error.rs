//! Why a network cannot be written as ONNX.
//!
//! **Invariant:** every variant names the tensor or the network.

use thiserror::Error;

use crate::weights::WeightsError;

/// Why a network cannot be written as ONNX.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The source of the weights fails.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The source gives another number of values than the network needs.
    #[error("tensor '{tensor}': {found} numbers where the network needs {expected}")]
    Length {
        /// Name of the tensor.
        tensor: String,
        /// Number of values that the network needs.
        expected: usize,
        /// Number of values that the source gives.
        found: usize,
    },
    /// A weight is infinite or not a number, before or after folding.
    #[error("tensor '{tensor}': holds a number that is not finite")]
    NotFinite {
        /// Name of the tensor.
        tensor: String,
    },
    /// The normalisation of the images does not fit the network.
    #[error("network '{network}': cannot normalise its input: {reason}")]
    Normalisation {
        /// Name of the network.
        network: String,
        /// What does not fit.
        reason: String,
    },
    /// The weights exceed the size of one protobuf message.
    #[error("network '{network}': {bytes} bytes of weights are more than one ONNX file holds")]
    TooLarge {
        /// Name of the network.
        network: String,
        /// Size of the weights as f32, in bytes.
        bytes: u64,
    },
    /// The protobuf encoder fails.
    #[error("network '{network}': cannot be encoded as ONNX: {reason}")]
    Encode {
        /// Name of the network.
        network: String,
        /// The encoder's message.
        reason: String,
    },
}
