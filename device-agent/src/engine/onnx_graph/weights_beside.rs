//! Puts weights that lie in other files into the graph.
//!
//! **Invariant:** after it every tensor holds its own values; they come only from files that the request
//! names, whose content has the hash that it gives.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, TensorProto};

use crate::engine::EngineError;
use crate::engine::error::one_line;
use pearl_agent::protocol::messages::{ModelFile, WeightsFile};

/// # Errors
/// Where a file is missing, has another hash, or is too short; or a tensor does not say where its values lie.
pub(super) fn take_in(model: &ModelFile, graph: &mut GraphProto) -> Result<(), EngineError> {
    let mut files = BTreeMap::new();
    for named in &model.weights {
        let file = crate::engine::model_file::open_hashed(&named.path, &named.sha256)?;
        files.insert(named.location.as_str(), (file, named));
    }
    of_graph(&model.path, graph, &files)
}

type Files<'a> = BTreeMap<&'a str, (File, &'a WeightsFile)>;

fn of_graph(model: &str, graph: &mut GraphProto, files: &Files<'_>) -> Result<(), EngineError> {
    for tensor in &mut graph.initializer {
        fill(model, tensor, files)?;
    }
    for node in &mut graph.node {
        for attribute in &mut node.attribute {
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                fill(model, tensor, files)?;
            }
            for inner in super::functions::subgraphs(attribute) {
                of_graph(model, inner, files)?;
            }
        }
    }
    Ok(())
}

fn fill(model: &str, tensor: &mut TensorProto, files: &Files<'_>) -> Result<(), EngineError> {
    if tensor.data_location != Some(DataLocation::External as i32) {
        return Ok(());
    }
    let name = one_line(&tensor.name);
    let fail = |reason: String| EngineError::Model {
        model: model.into(),
        reason: format!("weights '{name}' {reason}"),
    };
    let entry = |key: &str| {
        tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    };
    let location = entry("location").ok_or_else(|| fail("lie in a file without a name".into()))?;
    let Some((file, named)) = files.get(location) else {
        return Err(fail(format!("lie in '{}', which was not sent", one_line(location))));
    };
    let number = |key: &str| -> Result<Option<u64>, EngineError> {
        let read =
            |text: &str| text.parse().map_err(|_| fail(format!("have no number as their {key}")));
        entry(key).map(read).transpose()
    };
    let unreadable = |error: std::io::Error| fail(format!("cannot be read: {error}"));
    let held = file.metadata().map_err(unreadable)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(held.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > held) {
        let path = one_line(&named.path);
        return Err(fail(format!(
            "are {length} bytes from {offset} on of {path}, which has {held}; it is not whole"
        )));
    }
    let mut values = vec![0; usize::try_from(length).map_err(|_| fail("are too large".into()))?];
    file.read_exact_at(&mut values, offset).map_err(unreadable)?;
    tensor.raw_data = values;
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}
