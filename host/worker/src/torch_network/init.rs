//! Initial values of a network's tensors.
//!
//! Convolutions are normal with the variance of He et al. (ICCV 2015, eq. 14: `2 / fan_out`), where
//! the fan-out counts one group; linear weights are normal with deviation 0.01; batch norm starts as
//! the identity.
//!
//! **Invariant:** a tensor's values depend on the seed, its name and its shape alone: not on the
//! tensors before it, nor on any global generator.

use std::f64::consts::TAU;

use pearl_models::tensors::{Role, TensorSpec};
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;
use sha2::{Digest, Sha256};

const LINEAR_DEVIATION: f64 = 0.01;

/// Values in torch's row-major layout. `groups` is that of the tensor's convolution, 1 elsewhere.
pub fn initial(spec: &TensorSpec, groups: usize, seed: u64) -> Vec<f32> {
    let elements = spec.elements();
    match spec.role {
        Role::Scale | Role::RunningVar => vec![1.0; elements],
        Role::Shift | Role::Bias | Role::RunningMean => vec![0.0; elements],
        Role::LinearWeight => normal(elements, LINEAR_DEVIATION, spec, seed),
        Role::ConvWeight => {
            let fan_out = spec.dims[0] / groups * spec.dims[2..].iter().product::<usize>();
            normal(elements, (2.0 / fan_out as f64).sqrt(), spec, seed)
        }
    }
}

/// Box and Muller's transform, both of its numbers used.
fn normal(elements: usize, deviation: f64, spec: &TensorSpec, seed: u64) -> Vec<f32> {
    let mut rng = stream(seed, &spec.name);
    let mut values = Vec::with_capacity(elements + 1);
    while values.len() < elements {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * deviation;
        let (sine, cosine) = (TAU * rng.random::<f64>()).sin_cos();
        values.extend([(radius * cosine) as f32, (radius * sine) as f32]);
    }
    values.truncate(elements);
    values
}

/// A generator of its own for every purpose.
pub fn stream(seed: u64, purpose: &str) -> impl Rng + use<> {
    let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(purpose).finalize();
    Pcg64::from_seed(hash.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(name: &str, dims: &[usize]) -> TensorSpec {
        TensorSpec { name: name.into(), dims: dims.to_vec(), role: Role::ConvWeight }
    }

    #[test]
    fn convolutions_have_the_variance_of_their_fan_out() {
        for (dims, groups, fan_out) in
            [([64, 32, 3, 3], 1, 576.0), ([512, 1, 5, 5], 512, 25.0), ([320, 64, 1, 1], 1, 320.0)]
        {
            let values = initial(&conv("a.weight", &dims), groups, 7);
            let n = values.len() as f64;
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
            let variance = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n;
            let expected = 2.0 / fan_out;
            assert!((variance / expected - 1.0).abs() < 0.06, "{dims:?}: {variance} {expected}");
            assert!(mean.abs() < 4.0 * (expected / n).sqrt(), "{dims:?}: {mean}");
        }
    }

    #[test]
    fn values_depend_on_seed_and_name_alone() {
        let a = initial(&conv("a.weight", &[8, 4, 3, 3]), 1, 1);
        assert_eq!(a, initial(&conv("a.weight", &[8, 4, 3, 3]), 1, 1));
        assert_ne!(a, initial(&conv("b.weight", &[8, 4, 3, 3]), 1, 1));
        assert_ne!(a, initial(&conv("a.weight", &[8, 4, 3, 3]), 1, 2));
        assert_eq!(a.len(), 288);
    }
}
