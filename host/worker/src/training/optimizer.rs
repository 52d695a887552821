//! Stochastic gradient descent with Nesterov momentum (Sutskever et al., ICML 2013) in torch's form:
//! `g ← g + λ·p`, `v ← μ·v + g`, `p ← p − η·(g + μ·v)`.
//!
//! **Invariant:** a handful of operations on flat buffers, however many layers there are; weights of
//! convolutions and linear layers decay, nothing else does.

use tch::{Kind, TchError, Tensor};

use crate::torch_network::parameters::Parameters;
use pearl::train::worker_protocol::Recipe;

pub struct Sgd {
    momentum: f64,
    /// A scalar tensor, because torch's binding offers no factor for an addition.
    decay: Tensor,
    velocity: Tensor,
}

impl Sgd {
    pub fn new(parameters: &Parameters, recipe: &Recipe) -> Result<Sgd, TchError> {
        let flat = parameters.flat();
        Ok(Sgd {
            momentum: recipe.momentum,
            decay: scalar(recipe.weight_decay, flat)?,
            velocity: flat.f_zeros_like()?,
        })
    }

    /// `gradient` is that of the flat buffer, and is used up.
    pub fn step(
        &mut self,
        parameters: &mut Parameters,
        mut gradient: Tensor,
        learning_rate: f64,
    ) -> Result<(), TchError> {
        let _guard = tch::no_grad_guard();
        let decaying = parameters.decaying();
        let mut flat = parameters.flat().shallow_clone();
        let mut part = gradient.f_narrow(0, 0, decaying)?;
        let _ = part.f_addcmul_(&flat.f_narrow(0, 0, decaying)?, &self.decay)?;
        let _ = self.velocity.f_mul_scalar_(self.momentum)?.f_add_(&gradient)?;
        let momentum = scalar(self.momentum, &flat)?;
        let step = gradient.f_addcmul_(&self.velocity, &momentum)?;
        let _ = flat.f_addcmul_(&step, &scalar(-learning_rate, parameters.flat())?)?;
        Ok(())
    }
}

fn scalar(value: f64, like: &Tensor) -> Result<Tensor, TchError> {
    Tensor::f_full([0i64; 0], value, (Kind::Float, like.device()))
}

#[cfg(test)]
mod tests;
