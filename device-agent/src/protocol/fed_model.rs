//! A model on the device, and what it is fed.
//!
//! **Invariant:** a model is identified by its content and that of all its weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::content_hash::sha256;

/// A model file on the device; refused where its content has another hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Path on the device.
    pub path: String,
    /// SHA-256 of the content, in hexadecimal digits.
    pub sha256: String,
    /// The files that hold weights of the model, if it does not hold all itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightsFile>,
    /// Whether weights that it has no values of are random numbers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random_weights: bool,
}

impl ModelFile {
    /// What identifies the model and all its weights: the hash of its content, or a hash over all hashes
    /// where weights lie beside it. Random weights are no part of it: they stand for values that no file with
    /// this identity has.
    pub fn identity(&self) -> String {
        if self.weights.is_empty() {
            return self.sha256.clone();
        }
        let beside = self.weights.iter().map(|file| format!("\n{} {}", file.sha256, file.location));
        sha256(format!("{}{}", self.sha256, beside.collect::<String>()).as_bytes())
    }
}

/// A file with weights of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsFile {
    /// Its name in the model: a path relative to the model's folder.
    pub location: String,
    /// Path on the device.
    pub path: String,
    /// SHA-256 of the content, in hexadecimal digits.
    pub sha256: String,
}

/// Sizes of axes that a file leaves open. The first axis of an input is 1 where nothing gives it a size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Whole shapes, by the name of the input. They also hold for axes that the file fixes.
    #[serde(default)]
    pub inputs: BTreeMap<String, Vec<u64>>,
    /// Sizes of axes, by the file's name for it, or by input and axis such as `x:2`.
    #[serde(default)]
    pub axes: BTreeMap<String, u64>,
}

impl Sizes {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.axes.is_empty()
    }
}

/// The values of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputValues {
    /// The same number everywhere.
    Constant(f64),
    /// Random numbers from the first up to the second, which is left out.
    Uniform(f64, f64),
    /// All values, in a tensor of the input's shape.
    Tensor(TensorData),
}

/// An input that was fed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputReport {
    /// Name in the model.
    pub name: String,
    /// The shape, such as `[n, c, h, w]`.
    pub dims: Vec<usize>,
    /// Type of a value, such as `f32`.
    #[serde(rename = "type")]
    pub of_type: String,
    /// Whether the first axis is 1 because neither the file nor the request gives it a size.
    #[serde(default)]
    pub assumed_batch: bool,
    /// What it was fed, such as `uniform from -1 to 1` or `1`.
    #[serde(default)]
    pub values: String,
    /// Whether the agent chose a constant for it.
    #[serde(default)]
    pub chosen: bool,
}

/// What a model's graph tells, as far as its time or the trust in it hangs on that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphFacts {
    /// The types of at least a tenth of the weights each, the most frequent first.
    #[serde(default)]
    pub weights: Vec<WeightType>,
    /// Convolutions in whole numbers; their inputs are quantised anew at every inference.
    #[serde(default)]
    pub whole_convolutions: usize,
    /// Nodes that choose between branches by the values that are fed.
    #[serde(default)]
    pub branches: usize,
    /// Weights that the model has no values of and that are random numbers, where that was asked for.
    #[serde(default)]
    pub random_weights: usize,
}

/// How a file holds weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightType {
    /// 64-bit floats.
    F64,
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 16-bit floats with the exponent of 32-bit ones.
    Bf16,
    /// Whole numbers of 8 bits, with scales.
    Int8,
    /// Whole numbers of 4 bits, with scales.
    Int4,
}

/// A dense tensor in row-major order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorData {
    /// The shape, such as `[n, c, h, w]`.
    pub dims: Vec<usize>,
    /// As many numbers as the shape gives.
    pub values: Vec<f32>,
}
