//! Why a network is not written as ONNX.
//!
//! **Invariant:** every variant names the tensor or the network.

use thiserror::Error;

use crate::weights::WeightsError;

#[derive(Debug, Error)]
pub enum ExportError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error("tensor '{tensor}': {found} numbers where the network needs {expected}")]
    Length { tensor: String, expected: usize, found: usize },
    #[error("tensor '{tensor}': holds a number that is not finite")]
    NotFinite { tensor: String },
    #[error("network '{network}': {bytes} bytes of weights are more than one ONNX file holds")]
    TooLarge { network: String, bytes: u64 },
    #[error("network '{network}': not to be encoded as ONNX: {reason}")]
    Encode { network: String, reason: String },
}
