//! The torch module of a [`Network`]: an interpreter of its graph.
//!
//! **Invariant:** the module computes what the graph says and nothing else; evaluation changes nothing,
//! training changes only the running statistics.

use pearl_models::network::{Network, Node, NodeId};
use pearl_models::op::{Activation, Op};
use tch::{TchError, Tensor};

use crate::torch_device::TorchDevice;
use crate::torch_network::parameters::Parameters;

pub struct Module {
    network: Network,
    parameters: Parameters,
    device: TorchDevice,
    /// Place of each node's first tensor in the network's order.
    first_tensor: Vec<usize>,
    /// How often each node is read.
    readers: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Batch norm uses the batch's statistics and updates the running ones, drop-out drops.
    Training,
    Evaluation,
}

impl Module {
    /// A module whose weights are zeros.
    pub fn new(network: Network, device: TorchDevice) -> Result<Module, TchError> {
        let parameters = Parameters::zeros(&network, device)?;
        let mut readers = vec![0; network.nodes().len()];
        for input in network.nodes().iter().flat_map(|node| &node.inputs) {
            readers[input.index()] += 1;
        }
        let tensors = network.ids().map(|(id, _)| network.node_tensors(id).len());
        let first_tensor = tensors
            .scan(0, |next, count| {
                let first = *next;
                *next += count;
                Some(first)
            })
            .collect();
        Ok(Module { network, parameters, device, first_tensor, readers })
    }

    pub fn initialised(
        network: Network,
        device: TorchDevice,
        seed: u64,
    ) -> Result<Module, TchError> {
        let mut module = Module::new(network, device)?;
        module.parameters.initialise(&module.network, seed)?;
        Ok(module)
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// Logits `[n, classes]` of images `[n, c, h, w]`.
    pub fn forward(&self, images: &Tensor, phase: Phase) -> Result<Tensor, TchError> {
        self.device.autocast(|| self.interpret(images, phase))
    }

    fn interpret(&self, images: &Tensor, phase: Phase) -> Result<Tensor, TchError> {
        let mut values: Vec<Option<Tensor>> = self.readers.iter().map(|_| None).collect();
        let mut unread = self.readers.clone();
        for (id, node) in self.network.ids() {
            let mut inputs = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                let index = input.index();
                unread[index] -= 1;
                // A value goes to its last reader, so that memory is free as soon as it can be.
                let value = if unread[index] == 0 {
                    values[index].take()
                } else {
                    values[index].as_ref().map(Tensor::shallow_clone)
                };
                inputs.push(value.ok_or_else(|| {
                    TchError::Shape(format!("{}: reads a node that comes later", node.name))
                })?);
            }
            let value = match node.op {
                Op::Input => channels_last(images)?,
                _ => self.apply(node, self.first_tensor[id.index()], inputs, phase)?,
            };
            values[id.index()] = Some(value);
        }
        let output = self.network.output().index();
        values[output].take().ok_or_else(|| TchError::Shape("a network without nodes".into()))
    }

    fn apply(
        &self,
        node: &Node,
        first: usize,
        mut inputs: Vec<Tensor>,
        phase: Phase,
    ) -> Result<Tensor, TchError> {
        let tensor = |part: usize| self.parameters.tensor(first + part);
        let square = |side: usize| [side as i64; 2];
        let training = phase == Phase::Training;
        let x = inputs.first_mut().ok_or_else(|| {
            TchError::Shape(format!("{}: reads nothing, although it is no input", node.name))
        })?;
        match node.op {
            Op::Input => Ok(x.shallow_clone()),
            Op::Conv { stride, padding, groups, bias, .. } => x.f_conv2d(
                tensor(0),
                bias.then(|| tensor(1)),
                square(stride),
                square(padding),
                square(1),
                groups as i64,
            ),
            Op::BatchNorm { eps, momentum } => x.f_batch_norm(
                Some(tensor(0)),
                Some(tensor(1)),
                Some(tensor(2)),
                Some(tensor(3)),
                training,
                momentum,
                eps,
                true,
            ),
            Op::Activation(activation) => {
                let overwrite = node.inputs.first().is_some_and(|input| self.overwritable(*input));
                activate(x, activation, overwrite)
            }
            Op::MaxPool { kernel, stride, padding } => {
                x.f_max_pool2d(square(kernel), square(stride), square(padding), square(1), false)
            }
            Op::AvgPool { kernel, stride, padding } => {
                let (kernel, stride, padding) = (square(kernel), square(stride), square(padding));
                x.f_avg_pool2d(kernel, stride, padding, false, false, None::<i64>)
            }
            Op::GlobalAvgPool => global_avg_pool(x),
            Op::Add => inputs[0].f_add(&inputs[1]),
            Op::Mul => inputs[0].f_mul(&inputs[1]),
            Op::Concat => Tensor::f_cat(&inputs, 1),
            Op::Flatten => x.f_flatten(1, -1),
            Op::Linear { bias, .. } => x.f_linear(tensor(0), bias.then(|| tensor(1))),
            Op::Dropout { rate } => x.f_dropout(rate, training),
        }
    }

    /// Whether an activation may overwrite its input: no other node reads the input, and the layer
    /// that made it does not need it for the backward pass.
    fn overwritable(&self, input: NodeId) -> bool {
        let made_afresh = matches!(
            self.network.node(input).op,
            Op::Conv { .. } | Op::BatchNorm { .. } | Op::Linear { .. } | Op::Add
        );
        made_afresh && self.readers[input.index()] == 1
    }
}

fn activate(x: &mut Tensor, activation: Activation, overwrite: bool) -> Result<Tensor, TchError> {
    match activation {
        Activation::Relu if overwrite => x.f_relu_(),
        Activation::Relu => x.f_relu(),
        Activation::Relu6 => x.f_clamp(0.0, 6.0),
        Activation::HSwish => x.f_hardswish(),
        Activation::HSigmoid => x.f_hardsigmoid(),
        Activation::Sigmoid => x.f_sigmoid(),
    }
}

/// Computed as a sum, whose gradient is a view; the gradient of a mean would be a map of its own.
fn global_avg_pool(x: &Tensor) -> Result<Tensor, TchError> {
    let (_, _, height, width) = x.size4()?;
    let plane = 1.0 / (height * width) as f64;
    x.f_sum_dim_intlist([2i64, 3].as_slice(), true, None)?.f_mul_scalar(plane)
}

/// The layout in which torch's convolutions are fastest, on CPUs as on CUDA devices.
fn channels_last(images: &Tensor) -> Result<Tensor, TchError> {
    images.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests;
