//! Puts weights that lie in other files into the graph, or random numbers where they are asked for and the
//! weights are nowhere.
//!
//! **Invariant:** after it every tensor holds its own values; they come only from files that the request
//! names, whose content has the hash that it gives, unless the request allows random ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, TensorProto};

use super::random_weights::{self, Uses, lacks_values};
use crate::engine::EngineError;
use crate::engine::error::one_line;
use pearl_agent::protocol::messages::{ModelFile, WeightsFile};

/// Returns how many tensors were filled with random numbers.
///
/// # Errors
/// Where a file is missing, has another hash, or is too short; or a tensor does not say where its values lie, or
/// has none.
pub(super) fn take_in(model: &ModelFile, graph: &mut GraphProto) -> Result<usize, EngineError> {
    let mut files = BTreeMap::new();
    for named in &model.weights {
        let file = crate::engine::model_file::open_hashed(&named.path, &named.sha256)?;
        files.insert(named.location.as_str(), (file, named));
    }
    let uses = model.random_weights.then(|| Uses::of(graph));
    let mut weights = Weights { model: &model.path, files, uses, random: 0 };
    weights.of_graph(graph)?;
    Ok(weights.random)
}

struct Weights<'a> {
    model: &'a str,
    /// By their locations.
    files: BTreeMap<&'a str, (File, &'a WeightsFile)>,
    /// Present where what is nowhere may be random.
    uses: Option<Uses>,
    /// How many tensors became random.
    random: usize,
}

impl Weights<'_> {
    fn of_graph(&mut self, graph: &mut GraphProto) -> Result<(), EngineError> {
        for tensor in &mut graph.initializer {
            let name = tensor.name.clone();
            self.fill(tensor, &name)?;
        }
        for node in &mut graph.node {
            let made = node.output.first().cloned().unwrap_or_default();
            for attribute in &mut node.attribute {
                for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                    self.fill(tensor, &made)?;
                }
                for inner in super::functions::subgraphs(attribute) {
                    self.of_graph(inner)?;
                }
            }
        }
        Ok(())
    }

    /// `value` is what the graph calls the tensor.
    fn fill(&mut self, tensor: &mut TensorProto, value: &str) -> Result<(), EngineError> {
        let name = one_line(if tensor.name.is_empty() { value } else { &tensor.name });
        let model = self.model;
        let fail = |reason: String| EngineError::Model {
            model: model.into(),
            reason: format!("weights '{name}' {reason}"),
        };
        let is_outside = tensor.data_location == Some(DataLocation::External as i32);
        if !is_outside && !lacks_values(tensor) {
            return Ok(());
        }
        let entry = |key: &str| {
            let mut entries = tensor.external_data.iter();
            entries.find(|entry| entry.key == key).map(|entry| entry.value.as_str())
        };
        let location = entry("location");
        if is_outside && location.is_none() {
            return Err(fail("lie in a file without a name".into()));
        }
        let found = location.filter(|_| is_outside).and_then(|location| self.files.get(location));
        let Some((file, named)) = found else {
            let Some(uses) = &self.uses else {
                return Err(fail(match location.filter(|_| is_outside) {
                    Some(location) => {
                        format!("lie in '{}', which was not sent", one_line(location))
                    }
                    None => format!(
                        "of shape {:?} have no values; --random-weights measures the structure alone",
                        tensor.dims
                    ),
                }));
            };
            random_weights::fill(tensor, value, uses).map_err(fail)?;
            self.random += 1;
            return Ok(());
        };
        let number = |key: &str| -> Result<Option<u64>, EngineError> {
            let read = |text: &str| {
                text.parse().map_err(|_| fail(format!("have no number as their {key}")))
            };
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
        let mut values =
            vec![0; usize::try_from(length).map_err(|_| fail("are too large".into()))?];
        file.read_exact_at(&mut values, offset).map_err(unreadable)?;
        tensor.raw_data = values;
        tensor.external_data.clear();
        tensor.data_location = None;
        Ok(())
    }
}
