//! Runs a model once in onnxruntime, in a process that does nothing else.
//!
//! The library is the user's own, loaded when it is asked for: Pearl neither brings nor fetches one.
//!
//! **Invariant:** optimisations are off, so that the graph is computed node by node as the file has it.

use std::path::PathBuf;

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Tensor, TensorElementType, ValueType};
use pearl_agent::protocol::messages::TensorData;
use pearl_agent::protocol::wire::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// What is to be run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnceRequest {
    pub library: PathBuf,
    pub model: PathBuf,
    /// By name.
    pub inputs: Vec<(String, TensorData)>,
}

/// The outputs in the order of the model, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OnceDone {
    pub outputs: Vec<(String, TensorData)>,
}

/// # Errors
/// Where the library cannot be loaded (`device`), or it cannot load or run the model (`bad_input`).
pub fn run_once(request: &OnceRequest) -> Result<OnceDone, Failure> {
    let library = request.library.display();
    let missing = |error: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Device, format!("{library}: cannot be used: {error}"))
    };
    let model = request.model.display();
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        let told = error.to_string().replace(['\n', '\r'], " ");
        Failure::new(FailureKind::BadInput, format!("{model}: {what} by onnxruntime: {told}"))
    };
    let environment = ort::init_from(&request.library)
        .map_err(|error| missing(&error))?
        .with_telemetry(false)
        .build()
        .map_err(|error| missing(&error))?;
    let builder = Session::builder(&environment).map_err(|error| missing(&error))?;
    let mut builder = builder
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(|error| missing(&error))?
        .with_intra_threads(1)
        .map_err(|error| missing(&error))?;
    let mut session = builder
        .commit_from_file(&request.model)
        .map_err(|error| refused("cannot be loaded", &error))?;
    let mut inputs = Vec::new();
    for (name, tensor) in &request.inputs {
        let outlet = session.inputs().iter().find(|outlet| outlet.name() == name);
        let outlet = outlet.ok_or_else(|| refused("has no input of that name", name))?;
        let value = fed(outlet, tensor).map_err(|error| refused("cannot be fed", &error))?;
        inputs.push((name.clone(), SessionInputValue::from(value)));
    }
    let outputs = session.run(inputs).map_err(|error| refused("cannot be run", &error))?;
    let outputs = outputs.into_iter().map(|(name, value)| {
        let tensor = floats(&value).map_err(|error| refused("gives no numbers", &error))?;
        if tensor.values.iter().any(|value| !value.is_finite()) {
            return Err(refused("gives a number that is not finite", &format!("output '{name}'")));
        }
        Ok((name.to_owned(), tensor))
    });
    Ok(OnceDone { outputs: outputs.collect::<Result<_, _>>()? })
}

fn fed(outlet: &Outlet, tensor: &TensorData) -> ort::Result<DynValue> {
    let ValueType::Tensor { ty, .. } = outlet.dtype() else {
        return Err(ort::Error::new(format!("input '{}' is no tensor", outlet.name())));
    };
    let (dims, values) = (tensor.dims.clone(), &tensor.values);
    macro_rules! of {
        ($convert:expr) => {
            Tensor::from_array((dims, values.iter().map($convert).collect::<Vec<_>>()))?.into_dyn()
        };
    }
    Ok(match ty {
        TensorElementType::Float32 => of!(|value: &f32| *value),
        TensorElementType::Float64 => of!(|value: &f32| f64::from(*value)),
        TensorElementType::Float16 => of!(|value: &f32| half::f16::from_f32(*value)),
        TensorElementType::Int64 => of!(|value: &f32| *value as i64),
        TensorElementType::Int32 => of!(|value: &f32| *value as i32),
        TensorElementType::Int8 => of!(|value: &f32| *value as i8),
        TensorElementType::Uint8 => of!(|value: &f32| *value as u8),
        TensorElementType::Bool => of!(|value: &f32| *value != 0.0),
        other => {
            let told = format!("input '{}' holds {other:?}, which cannot be fed", outlet.name());
            return Err(ort::Error::new(told));
        }
    })
}

fn floats(value: &DynValue) -> ort::Result<TensorData> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err(ort::Error::new("an output is no tensor"));
    };
    macro_rules! of {
        ($of_type:ty, $convert:expr) => {{
            let (shape, values) = value.try_extract_tensor::<$of_type>()?;
            let dims = shape.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
            TensorData { dims, values: values.iter().map($convert).collect() }
        }};
    }
    Ok(match ty {
        TensorElementType::Float32 => of!(f32, |value| *value),
        TensorElementType::Float64 => of!(f64, |value| *value as f32),
        TensorElementType::Float16 => of!(half::f16, |value| value.to_f32()),
        TensorElementType::Int64 => of!(i64, |value| *value as f32),
        TensorElementType::Int32 => of!(i32, |value| *value as f32),
        TensorElementType::Int8 => of!(i8, |value| f32::from(*value)),
        TensorElementType::Uint8 => of!(u8, |value| f32::from(*value)),
        TensorElementType::Bool => of!(bool, |value| f32::from(u8::from(*value))),
        other => return Err(ort::Error::new(format!("an output holds {other:?}"))),
    })
}
