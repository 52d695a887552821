//! ONNX files of a few nodes, encoded by hand (field numbers of `onnx.proto3`, IR version 8).

/// A model of opset 17 with that graph.
pub fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    let opset = number(2, 17);
    [number(1, 8), bytes(8, &opset), bytes(7, &graph.concat())].concat()
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
}

pub fn input(name: &str, dims: &[Dim]) -> Vec<u8> {
    bytes(11, &value(name, dims))
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

/// Weights that lie in another file.
pub fn external(name: &str, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    bytes(5, &[dims, number(2, 1), bytes(8, name.as_bytes()), number(14, 1)].concat())
}

fn tensor(name: &str, of_type: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    bytes(5, &[dims, number(2, of_type), bytes(8, name.as_bytes()), bytes(9, raw)].concat())
}

fn value(name: &str, dims: &[Dim]) -> Vec<u8> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => bytes(1, &number(1, *size)),
        Dim::Named(name) => bytes(1, &bytes(2, name.as_bytes())),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor = [number(1, 1), bytes(2, &shape)].concat();
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
