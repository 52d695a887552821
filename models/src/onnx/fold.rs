//! Folds a batch norm into the convolution before it.
//!
//! With `s = scale / sqrt(running_var + eps)`, `w' = w · s` for each output channel and
//! `b' = shift + (b - running_mean) · s`.
//!
//! **Invariant:** the folded numbers are finite, and there are as many as the dimensions give.

use super::ExportError;
use crate::network::{Network, NodeId};
use crate::op::Op;
use crate::tensors::TensorSpec;
use crate::weights::Weights;

/// A layer's weight and bias as they are written, each with its dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) numbers: Vec<f32>,
}

/// The parameters of a convolution or a linear layer, with those of the batch norm that follows.
pub(crate) fn parameters(
    network: &Network,
    layer: NodeId,
    batch_norm: Option<NodeId>,
    weights: &dyn Weights,
) -> Result<Parameters, ExportError> {
    let mut tensors = read(network, layer, weights)?.into_iter();
    let weight = tensors.next().expect("a layer with parameters has a weight first");
    let mut parameters = Parameters { weight, bias: tensors.next() };
    if let Some(id) = batch_norm {
        fold(network, layer, id, weights, &mut parameters)?;
    }
    for tensor in std::iter::once(&parameters.weight).chain(&parameters.bias) {
        if !tensor.numbers.iter().all(|number| number.is_finite()) {
            return Err(ExportError::NotFinite { tensor: tensor.name.clone() });
        }
    }
    Ok(parameters)
}

fn fold(
    network: &Network,
    conv: NodeId,
    batch_norm: NodeId,
    weights: &dyn Weights,
    parameters: &mut Parameters,
) -> Result<(), ExportError> {
    let Op::BatchNorm { eps, .. } = network.node(batch_norm).op else {
        unreachable!("only a batch norm is folded");
    };
    let tensors = read(network, batch_norm, weights)?;
    let [scale, shift, mean, variance] =
        <[Tensor; 4]>::try_from(tensors).expect("a batch norm has four tensors");
    let channels = scale.numbers.len();
    let taps = parameters.weight.numbers.len() / channels;
    let mut bias = vec![0.0; channels];
    for channel in 0..channels {
        let deviation = (f64::from(variance.numbers[channel]) + eps).sqrt();
        let factor = f64::from(scale.numbers[channel]) / deviation;
        for tap in &mut parameters.weight.numbers[channel * taps..(channel + 1) * taps] {
            *tap = (f64::from(*tap) * factor) as f32;
        }
        let own = parameters.bias.as_ref().map_or(0.0, |bias| f64::from(bias.numbers[channel]));
        let centred = own - f64::from(mean.numbers[channel]);
        bias[channel] = (f64::from(shift.numbers[channel]) + centred * factor) as f32;
    }
    let name = format!("{}.bias", network.node(conv).name);
    parameters.bias = Some(Tensor { name, dims: vec![channels], numbers: bias });
    Ok(())
}

/// The tensors of one node, in the order of [`Network::node_tensors`].
fn read(
    network: &Network,
    node: NodeId,
    weights: &dyn Weights,
) -> Result<Vec<Tensor>, ExportError> {
    let tensor = |spec: TensorSpec| {
        let numbers = weights.tensor(&spec)?.into_owned();
        let (expected, found) = (spec.elements(), numbers.len());
        if found != expected {
            return Err(ExportError::Length { tensor: spec.name, expected, found });
        }
        Ok(Tensor { name: spec.name, dims: spec.dims, numbers })
    };
    network.node_tensors(node).into_iter().map(tensor).collect()
}
