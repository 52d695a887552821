//! The engine `tract`.
//!
//! A model is optimised once and its plan's state is kept, so an inference here costs what it costs
//! in tract's own bench command.
//!
//! Several threads form a pool of exactly that many. The work itself runs on one of them, so that the timed
//! thread is one of those that compute and there is no additional thread. A single thread has no pool.
//!
//! **Invariant:** no panic in tract leaves this file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::floats::FloatPrecisionTranslator;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_core::plan;

use super::error::one_line;
use super::onnx_graph::{self, Known, NodeLabel};
use super::{Engine, EngineError, Input, InputKind, Node, Runnable, input, reference_network};
use crate::session::panic_guard::guarded;
use crate::timing::clock::nanos;
use pearl_agent::protocol::messages::{self, GraphFacts, ModelFile, Precision, Sizes, TensorData};

/// The version of tract that is built in; a test compares it with `Cargo.lock`.
pub(crate) const VERSION: &str = "0.23.9";

/// The engine `tract`.
pub struct Tract;

/// What messages need: the names of the model, its nodes and its outputs, as the file has them.
struct Source {
    model: String,
    nodes: Vec<NodeLabel>,
    outputs: Vec<String>,
    /// Advice for an old file.
    lift: String,
}

/// A parsed and checked model, not yet optimised.
pub struct Loaded {
    source: Source,
    graph: InferenceModel,
    facts: GraphFacts,
    /// The inputs whose batch the file leaves open and nobody gave.
    assumed: BTreeSet<String>,
}

struct Plan {
    source: Source,
    facts: GraphFacts,
    inputs: Vec<Input>,
    types: Vec<DatumType>,
    state: TypedSimpleState,
    /// The nodes that compute, in the order of execution.
    order: Vec<usize>,
    /// The position of each node in that order.
    places: Vec<Option<usize>>,
    values: TVec<TValue>,
}

impl Engine for Tract {
    type Loaded = Loaded;

    fn identity(&self) -> messages::Engine {
        messages::Engine { name: "tract".into(), version: VERSION.into() }
    }

    fn load(&self, file: &ModelFile, bytes: Vec<u8>, sizes: &Sizes) -> Result<Loaded, EngineError> {
        let model = file.path.as_str();
        // Shapes follow from the inputs. Those noted inside a file are often of another batch, or of names
        // that the inputs do not have.
        let onnx = onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
        let not_onnx = |reason: &str| EngineError::Model {
            model: model.into(),
            reason: format!("not an ONNX file, or truncated ({reason})"),
        };
        let mut proto = match guarded(|| onnx.proto_model_for_read(&mut bytes.as_slice())) {
            Ok(Ok(proto)) => proto,
            Ok(Err(error)) => {
                let told = one_line(&error.root_cause().to_string());
                let told = told.strip_prefix("failed to decode Protobuf message: ");
                return Err(not_onnx(told.unwrap_or("it cannot be decoded")));
            }
            Err(_) => return Err(not_onnx("it cannot be decoded")),
        };
        let knows = |operator: &str| onnx.op_register.0.contains_key(operator);
        let engine = format!("tract {VERSION}");
        let (facts, assumed) =
            onnx_graph::prepare(file, &mut proto, &bytes, sizes, (&engine, knows), |upstream| {
                known(&onnx, upstream)
            })?;
        drop(bytes);
        let source = Source::of(model, &proto);
        let graph = source.attempt("loaded", || onnx.model_for_proto_model(&proto))?;
        Ok(Loaded { source, graph, facts, assumed })
    }

    fn reference_network(&self) -> Result<Box<dyn Runnable>, EngineError> {
        let proto = reference_network::model();
        let source = Source::of("the reference network", &proto);
        let graph = source.attempt("loaded", || onnx().model_for_proto_model(&proto))?;
        let loaded =
            Loaded { source, graph, facts: GraphFacts::default(), assumed: BTreeSet::new() };
        let mut network = self.optimise(loaded, Precision::F32)?;
        let fed = input::feed("the reference network", network.inputs(), &BTreeMap::new(), 0)?;
        let tensors: Vec<_> = fed.into_iter().map(|fed| fed.tensor).collect();
        network.set_inputs(&tensors)?;
        Ok(network)
    }

    fn half_precision(&self) -> bool {
        tract_linalg::has_fp16()
    }

    fn on_threads<T: Send>(
        &self,
        threads: usize,
        work: impl FnOnce() -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError> {
        if threads == 1 {
            return work();
        }
        let pool = guarded(|| Executor::multithread(threads));
        let Ok(Executor::MultiThread(pool)) = pool else {
            return Err(EngineError::Device(format!("{threads} threads cannot be started")));
        };
        set_default_executor(Executor::MultiThread(Arc::clone(&pool)));
        pool.install(work)
    }

    fn optimise(
        &self,
        loaded: Loaded,
        precision: Precision,
    ) -> Result<Box<dyn Runnable>, EngineError> {
        let Loaded { source, graph, facts, assumed } = loaded;
        let state = source.attempt("optimised", || {
            let graph = match precision {
                Precision::F32 => graph.into_optimized()?,
                Precision::F16 => halved(graph)?.into_optimized()?,
            };
            graph.into_runnable()?.spawn()
        })?;
        let (mut inputs, mut types) = (Vec::new(), Vec::new());
        for (index, outlet) in state.model().inputs.iter().enumerate() {
            let name = state.model().node(outlet.node).name.clone();
            let fact = source.attempt("optimised", || state.model().input_fact(index))?;
            let Some(dims) = fact.shape.as_concrete() else {
                let (model, input) = (source.model.clone(), one_line(&name));
                let reason = format!("has dynamic shape {:?}", fact.shape);
                return Err(EngineError::Input { model, input, reason });
            };
            if values_of(dims).is_none() {
                let (model, input) = (source.model.clone(), one_line(&name));
                let reason = format!("has more values than memory could hold: {dims:?}");
                return Err(EngineError::Input { model, input, reason });
            }
            let kind = if fact.datum_type.is_float() { InputKind::Float } else { InputKind::Whole };
            let (dims, assumed_batch) = (dims.to_vec(), assumed.contains(&name));
            let of_type = format!("{:?}", fact.datum_type).to_lowercase();
            inputs.push(Input { name, dims, kind, of_type, assumed_batch });
            types.push(fact.datum_type);
        }
        // Sizes that are too small for the network leave it nothing to do.
        for (index, outlet) in state.model().outputs.iter().enumerate() {
            let fact = source.attempt("optimised", || state.model().outlet_fact(*outlet))?;
            if let Some(dims) = fact.shape.as_concrete()
                && dims.contains(&0)
            {
                let output = source.outputs.get(index).map_or(String::new(), |name| one_line(name));
                let reason =
                    format!("holds no value (shape {dims:?}): the inputs are too small for it");
                return Err(EngineError::Output { model: source.model.clone(), output, reason });
            }
        }
        let is_input = |node: &usize| state.model().node(*node).op_is::<TypedSource>();
        let order = state.plan().order_without_consts().iter().copied();
        let order: Vec<usize> = order.filter(|node| !is_input(node)).collect();
        let mut places = vec![None; state.model().nodes().len()];
        for (place, &node) in order.iter().enumerate() {
            places[node] = Some(place);
        }
        Ok(Box::new(Plan { source, facts, inputs, types, state, order, places, values: tvec!() }))
    }
}

/// What the engine finds out about the output of a model.
fn known(onnx: &tract_onnx::Onnx, upstream: &ModelProto) -> Option<Known> {
    let found = guarded(|| {
        let model = onnx.model_for_proto_model(upstream)?.into_typed()?.into_decluttered()?;
        let fact = model.output_fact(0)?;
        let flag = match &fact.konst {
            Some(value) if value.len() == 1 => {
                let value = value.cast_to::<f32>()?;
                value.to_plain_array_view::<f32>()?.first().map(|value| *value != 0.0)
            }
            _ => None,
        };
        let dims = fact.shape.as_concrete();
        TractResult::Ok(dims.map(|dims| Known { dims: dims.to_vec(), flag }))
    });
    found.ok()?.ok().flatten()
}

/// Converts 32-bit floats to 16-bit floats, inputs and outputs included.
fn halved(graph: InferenceModel) -> TractResult<TypedModel> {
    let mut graph = graph.into_typed()?.into_decluttered()?;
    graph.transform(&FloatPrecisionTranslator::new(f32::datum_type(), f16::datum_type()))?;
    Ok(graph)
}

impl Runnable for Plan {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn graph(&self) -> &GraphFacts {
        &self.facts
    }

    fn set_inputs(&mut self, tensors: &[TensorData]) -> Result<(), EngineError> {
        let model = &self.source.model;
        if tensors.len() != self.inputs.len() {
            let (given, wanted) = (tensors.len(), self.inputs.len());
            return Err(EngineError::Request(format!("{model}: {given} of {wanted} inputs given")));
        }
        let mut values = tvec!();
        for ((tensor, input), of_type) in tensors.iter().zip(&self.inputs).zip(&self.types) {
            let name = one_line(&input.name);
            if tensor.dims != input.dims || tensor.values.len() != input.values() {
                let (given, wanted) = (&tensor.dims, &input.dims);
                let count = tensor.values.len();
                return Err(EngineError::Request(format!(
                    "{model}: input '{name}' has shape {wanted:?}, not {given:?} with {count} values"
                )));
            }
            let value = self.source.attempt("fed", || {
                let floats = Tensor::from_shape(&tensor.dims, &tensor.values)?;
                Ok(floats.cast_to_dt(*of_type)?.into_owned().into_tvalue())
            })?;
            values.push(value);
        }
        self.values = values;
        Ok(())
    }

    fn infer(&mut self) -> Result<(), EngineError> {
        let Self { source, state, values, .. } = self;
        source.attempt("run", || state.run(values.clone()).map(drop))
    }

    fn nodes(&self) -> Vec<Node> {
        let model = self.state.model();
        let told = |node: &usize| {
            let node = model.node(*node);
            let inputs = node.inputs.iter().filter_map(|input| model.outlet_fact(*input).ok());
            let origins = self.source.nodes.iter().filter(|label| label.is_origin_of(&node.name));
            Node {
                name: one_line(&node.name),
                operator: one_line(&node.op().name()),
                inputs: inputs.map(shape_and_type).collect(),
                output: node
                    .outputs
                    .first()
                    .map_or_else(String::new, |to| shape_and_type(&to.fact)),
                attributes: origins
                    .max_by_key(|label| label.engine_name.len())
                    .map_or_else(String::new, |label| label.attributes.clone()),
            }
        };
        self.order.iter().map(told).collect()
    }

    fn infer_timed(&mut self, times_ns: &mut [u64]) -> Result<(), EngineError> {
        let Self { source, state, values, places, .. } = self;
        source.attempt("run", || {
            let timed = state.run_plan_with_eval(values.clone(), |context, own, node, inputs| {
                let begun = Instant::now();
                let outputs = plan::eval(context, own, node, inputs);
                let took = nanos(begun.elapsed());
                if let Some(time) = places[node.id].and_then(|place| times_ns.get_mut(place)) {
                    *time += took;
                }
                outputs
            });
            timed.map(drop)
        })
    }

    fn outputs(&mut self) -> Result<Vec<TensorData>, EngineError> {
        let Self { source, state, values, .. } = self;
        let tensors = source.attempt("run", || {
            state.run(values.clone())?.iter().map(to_floats).collect::<TractResult<Vec<_>>>()
        })?;
        for (index, tensor) in tensors.iter().enumerate() {
            if tensor.values.iter().any(|value| !value.is_finite()) {
                let output = source.outputs.get(index).map_or(String::new(), |name| one_line(name));
                let reason = "holds a number that is not finite".into();
                return Err(EngineError::Output { model: source.model.clone(), output, reason });
            }
        }
        Ok(tensors)
    }
}

/// Such as `1,16,112,112,f32`.
fn shape_and_type(fact: &TypedFact) -> String {
    let of_type = format!("{:?}", fact.datum_type).to_lowercase();
    let shape = &fact.shape;
    one_line(&if shape.rank() == 0 { of_type } else { format!("{shape:?},{of_type}") })
}

/// Number of values of that shape; `None` where no memory could hold as many of the widest type.
fn values_of(dims: &[usize]) -> Option<usize> {
    let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    (count <= isize::MAX as usize / size_of::<f64>()).then_some(count)
}

fn to_floats(value: &TValue) -> TractResult<TensorData> {
    let floats = value.cast_to::<f32>()?;
    let values = floats.to_plain_array_view::<f32>()?.iter().copied().collect();
    Ok(TensorData { dims: value.shape().to_vec(), values })
}

impl Source {
    fn of(model: &str, proto: &ModelProto) -> Self {
        let outputs = proto.graph.iter().flat_map(|graph| &graph.output);
        Self {
            model: model.into(),
            nodes: proto.graph.as_ref().map(onnx_graph::labels).unwrap_or_default(),
            outputs: outputs.map(|output| output.name.clone()).collect(),
            lift: onnx_graph::lift(&proto.opset_import),
        }
    }

    /// Does `work` with tract; an error names the node that caused it.
    fn attempt<T>(
        &self,
        done: &str,
        work: impl FnOnce() -> TractResult<T>,
    ) -> Result<T, EngineError> {
        match guarded(work) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.blame(done, &error)),
            Err(place) => {
                Err(self
                    .error(format!("cannot be {done} by tract {VERSION}, which failed at {place}")))
            }
        }
    }

    fn blame(&self, done: &str, error: &TractError) -> EngineError {
        let lift = if done == "run" { "" } else { &self.lift };
        let reason = format!(
            "cannot be {done} by tract {VERSION}: {}{lift}",
            one_line(&error.root_cause().to_string())
        );
        // tract puts a node's name in quotes; the innermost context is the closest one.
        let told: Vec<String> = error.chain().map(ToString::to_string).collect();
        for text in told.iter().rev() {
            let named = |node: &NodeLabel| {
                !node.engine_name.is_empty() && text.contains(&format!("\"{}\"", node.engine_name))
            };
            if let Some(index) = self.nodes.iter().position(named) {
                return self.nodes[index].error(&self.model, index, reason);
            }
        }
        self.error(reason)
    }

    fn error(&self, reason: String) -> EngineError {
        EngineError::Model { model: self.model.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::onnx;

    #[test]
    fn the_version_told_is_the_one_locked() {
        let lock = include_str!("../../../Cargo.lock");
        for part in ["tract-onnx", "tract-linalg"] {
            let locked = format!("name = \"{part}\"\nversion = \"{VERSION}\"\n");
            assert!(lock.contains(&locked), "Cargo.lock holds another {part} than {VERSION}");
        }
    }

    /// Where the processors lack half precision, the engine emulates it, slowly and with the same results.
    #[test]
    fn a_network_in_half_precision_gives_the_same_within_that_precision() {
        let results = [Precision::F32, Precision::F16].map(|precision| {
            let loaded = Tract.load(&ModelFile::default(), product(), &Sizes::default()).unwrap();
            let mut runnable = Tract.optimise(loaded, precision).unwrap();
            let tensor = TensorData { dims: vec![2, 2], values: vec![0.1, 0.2, 0.3, 0.4] };
            runnable.set_inputs(&[tensor]).unwrap();
            runnable.outputs().unwrap().remove(0).values
        });
        let [full, half] = &results;
        assert_ne!(full, half, "half precision has rounded nothing");
        for (full, half) in full.iter().zip(half) {
            assert!((full - half).abs() < 0.002, "{results:?}");
        }
    }

    fn product() -> Vec<u8> {
        let shape = [onnx::Dim::Fixed(2), onnx::Dim::Fixed(2)];
        onnx::model(&[
            onnx::floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
            onnx::node("MatMul", "m", &["x", "w"], &["y"]),
            onnx::input("x", &shape),
            onnx::output("y", &shape),
        ])
    }
}
