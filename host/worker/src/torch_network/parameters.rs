//! The tensors of a network, on the torch device.
//!
//! All trainable tensors are views of one flat buffer, those that decay first, so that the optimiser
//! works on whole buffers however many layers there are. A convolution's weight lies in its part as
//! `[out, k, k, in]` (channels last), the order in which torch's kernels read it without a copy.
//! Between tensors lie zeros that stay zeros, up to the next place where a kernel may start to read.
//!
//! **Invariant:** names, shapes and order are those of [`Network::tensors`]; what is read and written
//! is torch's row-major layout.

use pearl_models::network::Network;
use pearl_models::op::Op;
use pearl_models::tensors::{Role, TensorSpec};
use tch::{Kind, TchError, Tensor};

use crate::torch_device::TorchDevice;
use crate::torch_network::init::initial;

/// In elements (64 bytes). Tensors start at multiples of it, as those that torch allocates do. If one
/// does not, CUDA's vectorised kernels end the process's context (`misaligned address`).
const ALIGNMENT: usize = 16;

pub struct Parameters {
    /// `[p]` f32.
    flat: Tensor,
    /// Elements at the start of `flat` that weight decay applies to: weights of convolutions and
    /// linear layers, and the zeros between them.
    decaying: i64,
    /// Leaves that share `flat`'s storage, in its order.
    leaves: Vec<Tensor>,
    /// Zeros behind each leaf.
    gaps: Vec<Tensor>,
    /// All tensors, in the network's order.
    tensors: Vec<(TensorSpec, Tensor)>,
}

impl Parameters {
    /// Tensors of zeros.
    pub fn zeros(network: &Network, device: TorchDevice) -> Result<Parameters, TchError> {
        let options = (Kind::Float, device.device());
        let specs = network.tensors();
        let (decay, rest): (Vec<usize>, Vec<usize>) = (0..specs.len())
            .filter(|&index| specs[index].role.is_parameter())
            .partition(|&index| decays(specs[index].role));
        let count = |indices: &[usize]| -> i64 {
            indices.iter().map(|&index| place(&specs[index]) as i64).sum()
        };
        let decaying = count(&decay);
        let flat = Tensor::f_zeros([decaying + count(&rest)], options)?;
        let mut tensors: Vec<Option<Tensor>> = specs.iter().map(|_| None).collect();
        let (mut leaves, mut gaps) = (Vec::new(), Vec::new());
        let mut offset = 0;
        for index in decay.into_iter().chain(rest) {
            let dims = signed(&specs[index].dims);
            let view = flat.f_as_strided(&dims[..], &strides(&dims)[..], offset)?;
            let leaf = view.f_detach()?.f_set_requires_grad(true)?;
            let place = place(&specs[index]);
            offset += place as i64;
            leaves.push(leaf.shallow_clone());
            gaps.push(Tensor::f_zeros([(place - specs[index].elements()) as i64], options)?);
            tensors[index] = Some(leaf);
        }
        let tensors = specs.into_iter().zip(tensors).map(|(spec, tensor)| {
            let tensor = match tensor {
                Some(tensor) => tensor,
                None => Tensor::f_zeros(&signed(&spec.dims)[..], options)?,
            };
            Ok((spec, tensor))
        });
        let tensors = tensors.collect::<Result<_, TchError>>()?;
        Ok(Parameters { flat, decaying, leaves, gaps, tensors })
    }

    /// Sets every tensor to the value that training starts from.
    pub fn initialise(&mut self, network: &Network, seed: u64) -> Result<(), TchError> {
        let groups = |op: &Op| if let Op::Conv { groups, .. } = op { *groups } else { 1 };
        let groups = network.ids().flat_map(|(id, node)| {
            network.node_tensors(id).into_iter().map(move |_| groups(&node.op))
        });
        let values: Vec<Vec<f32>> =
            self.tensors.iter().zip(groups).map(|((s, _), g)| initial(s, g, seed)).collect();
        self.fill(&values)
    }

    /// Sets every tensor; `values` are in the network's order and row-major.
    pub fn fill(&mut self, values: &[Vec<f32>]) -> Result<(), TchError> {
        let _guard = tch::no_grad_guard();
        for ((spec, tensor), values) in self.tensors.iter_mut().zip(values) {
            let source = Tensor::f_from_slice(values)?.f_reshape(&signed(&spec.dims)[..])?;
            tensor.f_copy_(&source)?;
        }
        Ok(())
    }

    /// Every tensor, row-major, in the network's order.
    pub fn values(&self) -> Result<Vec<(TensorSpec, Vec<f32>)>, TchError> {
        let read = |(spec, tensor): &(TensorSpec, Tensor)| Ok((spec.clone(), numbers(tensor)?));
        self.tensors.iter().map(read).collect()
    }

    /// The tensor at a place in the network's order.
    pub fn tensor(&self, index: usize) -> &Tensor {
        &self.tensors[index].1
    }

    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    pub fn decaying(&self) -> i64 {
        self.decaying
    }

    /// The gradient of a scalar with respect to the flat buffer.
    pub fn gradient(&self, of: &Tensor) -> Result<Tensor, TchError> {
        let gradients = Tensor::f_run_backward(&[of], &self.leaves, false, false)?;
        let mut parts = Vec::with_capacity(2 * gradients.len());
        for (gradient, gap) in gradients.iter().zip(&self.gaps) {
            parts.push(match gradient.dim() {
                4 => gradient.f_permute([0, 2, 3, 1])?.f_reshape([-1])?,
                _ => gradient.f_reshape([-1])?,
            });
            parts.push(gap.shallow_clone());
        }
        Tensor::f_cat(&parts, 0)
    }
}

/// A tensor's numbers in row-major order.
pub fn numbers(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let _guard = tch::no_grad_guard();
    let tensor = tensor.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0; tensor.numel()];
    tensor.f_copy_data(&mut values, tensor.numel())?;
    Ok(values)
}

pub fn signed(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|&dim| dim as i64).collect()
}

/// Elements that a tensor takes in the flat buffer.
fn place(spec: &TensorSpec) -> usize {
    spec.elements().next_multiple_of(ALIGNMENT)
}

fn decays(role: Role) -> bool {
    matches!(role, Role::ConvWeight | Role::LinearWeight)
}

/// Channels last for a convolution's weight, else row-major.
fn strides(dims: &[i64]) -> Vec<i64> {
    match *dims {
        [_, channels, height, width] => {
            vec![channels * height * width, 1, width * channels, channels]
        }
        [_, features] => vec![features, 1],
        _ => vec![1],
    }
}
