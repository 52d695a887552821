//! The values of the inputs of a model that is only timed.
//!
//! Values that nobody gave suit the input: random numbers where it takes floats, and where it takes whole
//! numbers what its name tells. Masks are 1, for an empty one leaves a network nothing to do; a length is
//! that of the longest axis; a sample rate is one that speech models take; everything else is 0, which is
//! valid as an index.
//!
//! **Invariant:** the same seed gives the same values everywhere; no random value is a denormal, which some
//! processors handle many times slower.

use std::collections::BTreeMap;

use super::error::one_line;
use super::{EngineError, Input, InputKind};
use pearl_agent::protocol::messages::{InputReport, InputValues, TensorData};

/// Where random floats lie.
const UNIFORM: (f64, f64) = (-1.0, 1.0);
/// In hertz.
const SAMPLE_RATE: f64 = 16_000.0;

/// What is fed to one input.
pub(crate) struct Fed {
    pub(crate) tensor: TensorData,
    /// Whether another seed gives other values.
    pub(crate) random: bool,
    pub(crate) report: InputReport,
}

/// One tensor for each input.
///
/// # Errors
/// Where values are given for an input that does not exist, or a tensor has another shape.
pub(crate) fn feed(
    model: &str,
    inputs: &[Input],
    given: &BTreeMap<String, InputValues>,
    seed: u64,
) -> Result<Vec<Fed>, EngineError> {
    if let Some(name) = given.keys().find(|name| inputs.iter().all(|input| input.name != **name)) {
        let names: Vec<_> =
            inputs.iter().map(|input| format!("'{}'", one_line(&input.name))).collect();
        return Err(EngineError::Request(format!(
            "{model}: it has no input '{}' for a value; its inputs are {}",
            one_line(name),
            names.join(", ")
        )));
    }
    let mut state = seed;
    inputs
        .iter()
        .map(|input| {
            let given = given.get(&input.name);
            let chosen = given.is_none() && input.kind == InputKind::Whole;
            let values = given.cloned().unwrap_or_else(|| suitable(input, inputs));
            let text = text_of(&values);
            let random = matches!(values, InputValues::Uniform(..));
            let tensor = tensor(model, input, values, &mut state)?;
            let report = InputReport {
                name: input.name.clone(),
                dims: input.dims.clone(),
                of_type: input.of_type.clone(),
                assumed_batch: input.assumed_batch,
                values: text,
                chosen,
            };
            Ok(Fed { tensor, random, report })
        })
        .collect()
}

fn suitable(input: &Input, all: &[Input]) -> InputValues {
    if input.kind == InputKind::Float {
        return InputValues::Uniform(UNIFORM.0, UNIFORM.1);
    }
    let name = input.name.to_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let constant = if is(&["mask"]) {
        1.0
    } else if is(&["len"]) {
        let longest =
            all.iter().filter(|other| other.name != input.name).flat_map(|other| &other.dims);
        longest.max().copied().unwrap_or(1) as f64
    } else if name == "sr" || is(&["sample_rate", "sampling_rate", "sampling_frequency"]) {
        SAMPLE_RATE
    } else {
        0.0
    };
    InputValues::Constant(constant)
}

fn text_of(values: &InputValues) -> String {
    match values {
        InputValues::Constant(value) => value.to_string(),
        InputValues::Uniform(lo, hi) => format!("uniform from {lo} to {hi}"),
        InputValues::Tensor(_) => "given one by one".into(),
    }
}

fn tensor(
    model: &str,
    input: &Input,
    values: InputValues,
    state: &mut u64,
) -> Result<TensorData, EngineError> {
    let dims = input.dims.clone();
    Ok(match values {
        InputValues::Constant(value) => {
            TensorData { dims, values: vec![value as f32; input.values()] }
        }
        InputValues::Uniform(lo, hi) => {
            let mut values = vec![0.0; input.values()];
            // The share is exact in single precision, as ever, where the ends are -1 and 1.
            let (middle, half) = (f64::midpoint(lo, hi) as f32, ((hi - lo) / 2.0) as f32);
            values.fill_with(|| middle + half * uniform(state));
            if input.kind == InputKind::Whole {
                values.iter_mut().for_each(|value| *value = value.floor());
            }
            TensorData { dims, values }
        }
        InputValues::Tensor(tensor)
            if tensor.dims == dims && tensor.values.len() == input.values() =>
        {
            tensor
        }
        InputValues::Tensor(tensor) => {
            let name = one_line(&input.name);
            let (got, count) = (&tensor.dims, tensor.values.len());
            return Err(EngineError::Request(format!(
                "{model}: input '{name}' has shape {dims:?}, not {got:?} with {count} values"
            )));
        }
    })
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

    fn input(name: &str, dims: &[usize], kind: InputKind) -> Input {
        let of_type = if kind == InputKind::Float { "f32" } else { "i64" }.into();
        Input { name: name.into(), dims: dims.to_vec(), kind, of_type, assumed_batch: false }
    }

    fn fed(inputs: &[Input], given: &[(&str, InputValues)], seed: u64) -> Vec<Fed> {
        let given =
            given.iter().map(|(name, values)| ((*name).to_owned(), values.clone())).collect();
        feed("m", inputs, &given, seed).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn random_input_is_uniform_repeatable_and_free_of_denormals() {
        let inputs = [input("x", &[100, 1000], InputKind::Float)];
        let first = &fed(&inputs, &[], 7)[0].tensor;
        assert!(first.values.iter().all(|v| (-1.0..1.0).contains(v) && !v.is_subnormal()));
        let mean = first.values.iter().sum::<f32>() / first.values.len() as f32;
        assert!(mean.abs() < 0.01, "{mean}");
        assert_eq!(first, &fed(&inputs, &[], 7)[0].tensor);
        assert_ne!(first, &fed(&inputs, &[], 8)[0].tensor);
    }

    #[test]
    fn whole_numbers_are_what_the_name_tells() {
        let audio = input("audio", &[1, 600], InputKind::Float);
        for (name, value) in [
            ("input_ids", 0.0),
            ("attention_mask", 1.0),
            ("len", 600.0),
            ("x_lengths", 600.0),
            ("sr", 16_000.0),
            ("sampling_rate", 16_000.0),
        ] {
            let inputs = [audio.clone(), input(name, &[2], InputKind::Whole)];
            let fed = &fed(&inputs, &[], 7)[1];
            assert_eq!(fed.tensor.values, [value; 2], "{name}");
            assert!(fed.report.chosen && fed.report.values == value.to_string(), "{name}");
        }
    }

    #[test]
    fn given_values_are_fed_and_told() {
        let inputs = [input("x", &[2], InputKind::Float), input("n", &[3], InputKind::Whole)];
        let tensor = TensorData { dims: vec![2], values: vec![5.0, 6.0] };
        let given =
            [("x", InputValues::Tensor(tensor.clone())), ("n", InputValues::Uniform(10.0, 20.0))];
        let fed = fed(&inputs, &given, 3);
        assert_eq!(fed[0].tensor, tensor);
        assert!(fed[1].tensor.values.iter().all(|v| v.fract() == 0.0 && (10.0..20.0).contains(v)));
        assert_eq!(fed[1].report.values, "uniform from 10 to 20");
        assert!(fed.iter().all(|fed| !fed.report.chosen));
        let wrong = [
            ("y", InputValues::Constant(1.0), "no input 'y'"),
            (
                "x",
                InputValues::Tensor(TensorData { dims: vec![3], values: vec![0.0; 3] }),
                "shape [2]",
            ),
        ];
        for (name, values, told) in wrong {
            let given = BTreeMap::from([(name.to_owned(), values)]);
            let error = feed("m", &inputs, &given, 0).err().unwrap().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
