//! Weights for measuring a network before it is trained.
//!
//! Latency must not depend on numbers that no trained network has: denormals are slow on many
//! processors. And where logits do not depend on the input, the agreement of two engines on them proves
//! nothing. So a signal has to keep its magnitude through any depth. He et al.'s variance (ICCV
//! 2015, eq. 10: 2 / fan-in) keeps the second moment through a convolution and a ReLU. Half of it goes
//! to the kernel's middle, because on the small maps at a network's end most other taps read only
//! padding. Weights are uniform rather than normal: a square root is the same on every machine, a
//! logarithm is not.
//!
//! **Invariant:** the numbers depend on the seed and on the tensor's specification only, and none is
//! zero or denormal.

use std::borrow::Cow;
use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use sha2::{Digest, Sha256};

use super::{Weights, WeightsError};
use crate::tensors::{Role, TensorSpec};

/// Seeded random weights that keep a signal's magnitude through any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomWeights {
    /// Seed of all tensors.
    pub seed: u64,
}

impl Weights for RandomWeights {
    fn tensor(&self, spec: &TensorSpec) -> Result<Cow<'_, [f32]>, WeightsError> {
        let mut rng = self.stream(&spec.name);
        let taps = match spec.role {
            Role::ConvWeight => spec.dims.iter().skip(2).product(),
            _ => 1,
        };
        let numbers =
            (0..spec.elements()).map(|index| between(&range(spec, taps, index % taps), &mut rng));
        Ok(numbers.collect())
    }
}

impl RandomWeights {
    /// Every tensor has its own stream, so that a layer's numbers do not depend on those before it.
    fn stream(&self, name: &str) -> Pcg64 {
        let digest = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(name);
        Pcg64::from_seed(digest.finalize().into())
    }
}

/// The range of one number, `tap` of the `taps` of its kernel.
fn range(spec: &TensorSpec, taps: usize, tap: usize) -> Range<f32> {
    match spec.role {
        Role::ConvWeight | Role::LinearWeight => {
            let inputs = spec.dims[1] as f32;
            let variance = match taps {
                1 => 2.0 / inputs,
                _ if tap == taps / 2 => 1.0 / inputs,
                _ => 1.0 / (inputs * (taps - 1) as f32),
            };
            // A uniform distribution within ±bound has the variance bound² / 3.
            let bound = (3.0 * variance).sqrt();
            -bound..bound
        }
        Role::Scale => 0.8..1.2,
        Role::RunningVar => 0.8..1.25,
        Role::Bias | Role::Shift | Role::RunningMean => -0.05..0.05,
    }
}

/// One of 2^23 points, none of which is the middle of the range: a weight is never zero.
fn between(range: &Range<f32>, rng: &mut impl Rng) -> f32 {
    let point = (rng.next_u32() >> 9) as f32 + 0.5;
    range.start + (range.end - range.start) * (point / (1 << 23) as f32)
}

#[cfg(test)]
mod tests;
