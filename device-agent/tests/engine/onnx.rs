//! ONNX files of a few nodes, encoded by hand (field numbers of `onnx.proto3`, IR version 8).

/// A model of opset 17 with that graph.
pub fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), opset(8, 17), bytes(7, &graph.concat())].concat()
}

/// A version of the standard operators, as a model (field 8) or a function (field 9) imports it.
fn opset(field: u64, version: u64) -> Vec<u8> {
    bytes(field, &number(2, version))
}

/// To be appended to a model: a function of the domain `own`, of these nodes.
pub fn function(
    name: &str,
    version: u64,
    (inputs, outputs): (&[&str], &[&str]),
    attributes: &[&str],
    nodes: &[Vec<u8>],
) -> Vec<u8> {
    let list = |field, names: &[&str]| -> Vec<u8> {
        names.iter().flat_map(|name| bytes(field, name.as_bytes())).collect()
    };
    // In a graph nodes are field 1, in a function field 7.
    let nodes = nodes.iter().flat_map(|node| [vec![7 << 3 | 2], node[1..].to_vec()].concat());
    let content = [
        bytes(1, name.as_bytes()),
        list(4, inputs),
        list(5, outputs),
        list(6, attributes),
        nodes.collect(),
        opset(9, version),
        bytes(10, OWN.as_bytes()),
    ];
    bytes(25, &content.concat())
}

/// The domain of functions.
pub const OWN: &str = "own";

/// A node with more fields.
fn extended(node: &[u8], more: &[u8]) -> Vec<u8> {
    // Its length is a single byte, as of all nodes here.
    bytes(1, &[&node[2..], more].concat())
}

/// The node, of another domain.
pub fn of_domain(domain: &str, node: &[u8]) -> Vec<u8> {
    extended(node, &bytes(7, domain.as_bytes()))
}

/// The node with an attribute that is a number.
pub fn with_float(name: &str, value: f32, node: &[u8]) -> Vec<u8> {
    extended(node, &bytes(5, &float_attribute(name, value)))
}

/// The function with a number that an attribute has where a call leaves it out.
pub fn with_default(name: &str, value: f32, function: &[u8]) -> Vec<u8> {
    // Its tag has two bytes and its length one, as those of all functions here.
    bytes(25, &[&function[3..], &bytes(11, &float_attribute(name, value))].concat())
}

fn float_attribute(name: &str, value: f32) -> Vec<u8> {
    let value = [varint(2 << 3 | 5), value.to_le_bytes().to_vec()].concat();
    [bytes(1, name.as_bytes()), value, number(20, 1)].concat()
}

/// The node with an attribute that is a whole number.
pub fn with_whole(name: &str, value: u64, node: &[u8]) -> Vec<u8> {
    let content = [bytes(1, name.as_bytes()), number(3, value), number(20, 2)];
    extended(node, &bytes(5, &content.concat()))
}

/// The node with an attribute whose value is the one that its function is called with.
pub fn with_reference(name: &str, to: &str, node: &[u8]) -> Vec<u8> {
    let content = [bytes(1, name.as_bytes()), number(20, 1), bytes(21, to.as_bytes())];
    extended(node, &bytes(5, &content.concat()))
}

pub fn node(operator: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| bytes(1, input.as_bytes()));
    let outputs = outputs.iter().flat_map(|output| bytes(2, output.as_bytes()));
    let names = [bytes(3, name.as_bytes()), bytes(4, operator.as_bytes())].concat();
    bytes(1, &inputs.chain(outputs).chain(names).collect::<Vec<u8>>())
}

pub enum Dim {
    Fixed(u64),
    Named(&'static str),
    Open,
}

pub fn input(name: &str, dims: &[Dim]) -> Vec<u8> {
    bytes(11, &value(name, dims))
}

/// An input of 64-bit integers.
pub fn whole_input(name: &str, dims: &[Dim]) -> Vec<u8> {
    bytes(11, &value_of(7, name, dims))
}

/// What the file notes of a value inside.
pub fn noted(name: &str, dims: &[Dim]) -> Vec<u8> {
    bytes(13, &value(name, dims))
}

pub fn output(name: &str, dims: &[Dim]) -> Vec<u8> {
    bytes(12, &value(name, dims))
}

pub fn floats(name: &str, dims: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, 1, dims, &raw)
}

pub fn integers(name: &str, dims: &[u64], values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, 7, dims, &raw)
}

/// Weights that lie in another file: its `location`, and `offset` and `length` in it.
pub fn external(name: &str, dims: &[u64], entries: &[(&str, &str)]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    let entry = |(key, value): &(&str, &str)| {
        bytes(13, &[bytes(1, key.as_bytes()), bytes(2, value.as_bytes())].concat())
    };
    let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
    bytes(5, &[dims, number(2, 1), bytes(8, name.as_bytes()), entries, number(14, 1)].concat())
}

fn tensor(name: &str, of_type: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    bytes(5, &[dims, number(2, of_type), bytes(8, name.as_bytes()), bytes(9, raw)].concat())
}

fn value(name: &str, dims: &[Dim]) -> Vec<u8> {
    value_of(1, name, dims)
}

fn value_of(of_type: u64, name: &str, dims: &[Dim]) -> Vec<u8> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => bytes(1, &number(1, *size)),
        Dim::Open => bytes(1, &[]),
        Dim::Named(name) => bytes(1, &bytes(2, name.as_bytes())),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor = [number(1, of_type), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
