//! Logits of given inputs, so that other engines can be compared with torch.
//!
//! **Invariant:** the network runs in evaluation, in f32 or the torch device's mixed precision; nothing is
//! kept.

use pearl_agent::protocol::messages::TensorData;
use tch::Tensor;

use crate::checks::network;
use crate::error::WorkerError;
use crate::torch_device::TorchDevice;
use crate::torch_network::module::{Module, Phase};
use crate::torch_network::parameters::{numbers, signed};
use pearl::train::weights_file::WeightsFile;
use pearl::train::worker_protocol::{ForwardReport, ForwardRequest};

/// Logits of given inputs, by a network with the weights of a file.
pub fn forward(
    request: &ForwardRequest,
    device: TorchDevice,
) -> Result<ForwardReport, WorkerError> {
    let network = network(&request.network)?;
    let TensorData { dims, values } = &request.input;
    let input = network.input;
    let fits = matches!(dims[..], [n, c, h, w] if n > 0
        && (c, h, w) == (input.channels, input.height, input.width)
        && n.checked_mul(input.elements()) == Some(values.len()));
    if !fits {
        let (name, found) = (&network.name, values.len());
        return Err(WorkerError::Request(format!(
            "input of {dims:?} with {found} values: network '{name}' takes [n, {}, {}, {}]",
            input.channels, input.height, input.width
        )));
    }
    let weights = WeightsFile::read(&request.weights)?.of_network(&network)?;
    let mut module = Module::new(network, device)?;
    module.parameters_mut().fill(&weights)?;
    let _guard = tch::no_grad_guard();
    let images =
        Tensor::f_from_slice(values)?.f_reshape(&signed(dims)[..])?.f_to_device(device.device())?;
    let logits = module.forward(&images, Phase::Evaluation)?;
    let dims = logits.size().iter().map(|&dim| dim.unsigned_abs() as usize).collect();
    Ok(ForwardReport { logits: TensorData { dims, values: numbers(&logits)? } })
}
