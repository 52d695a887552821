//! Input for a model that is only timed.
//!
//! **Invariant:** the same seed gives the same values everywhere; no value is a denormal, which some
//! processors handle many times slower.

use super::{Input, InputKind};
use pearl_agent::protocol::messages::{InputReport, TensorData};

/// Uniform in [-1, 1) for floats; zero for whole numbers, which is valid as an index and as a mask.
pub(crate) fn random(inputs: &[Input], seed: u64) -> Vec<TensorData> {
    let mut state = seed;
    let fill = |input: &Input| {
        let mut values = vec![0.0; input.values()];
        if input.kind == InputKind::Float {
            values.fill_with(|| uniform(&mut state));
        }
        TensorData { dims: input.dims.clone(), values }
    };
    inputs.iter().map(fill).collect()
}

impl From<&Input> for InputReport {
    fn from(input: &Input) -> Self {
        Self {
            name: input.name.clone(),
            dims: input.dims.clone(),
            of_type: input.of_type.clone(),
            assumed_batch: input.assumed_batch,
        }
    }
}

/// A multiple of 2⁻²³, from the upper bits of SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_input_is_uniform_repeatable_and_free_of_denormals() {
        let inputs = [Input {
            name: "x".into(),
            dims: vec![100, 1000],
            kind: InputKind::Float,
            of_type: "f32".into(),
            assumed_batch: false,
        }];
        let [first] = &random(&inputs, 7)[..] else { panic!("one tensor for one input") };
        assert!(first.values.iter().all(|v| (-1.0..1.0).contains(v) && !v.is_subnormal()));
        let mean = first.values.iter().sum::<f32>() / first.values.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");
        assert_eq!(first, &random(&inputs, 7)[0]);
        assert_ne!(first, &random(&inputs, 8)[0]);
    }

    #[test]
    fn whole_numbers_are_zero() {
        let inputs = [Input {
            name: "ids".into(),
            dims: vec![3],
            kind: InputKind::Whole,
            of_type: "i64".into(),
            assumed_batch: false,
        }];
        assert_eq!(random(&inputs, 7)[0].values, [0.0; 3]);
    }
}
