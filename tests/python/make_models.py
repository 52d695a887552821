"""Writes ONNX files as people have them.

Usage: make_models.py FOLDER. Writes operator.onnx (an operator of nobody's), batch.onnx (the batch is
open), sides.onnx (height and width are open), function.onnx (a function of the file that is called as a
standard operator is), beside.onnx (its weights lie in weights/all.data), lost.onnx (its weights lie in a
file that is not there), outside.onnx (its weights lie outside its folder) and pick.onnx (it takes one
of ten values), with values for it in two.npy, three.npy and ten.safetensors. Also half.onnx and int8.onnx
(their weights are no f32), dynamic.onnx (int8 with scales found at every inference), branches.onnx (an If on
what is fed), shifted.onnx and many.onnx (operators that tract computes otherwise), number.onnx (a weight is
NaN), old.onnx (of operator set 9), stretched.onnx (a Resize on which tract and onnxruntime differ) and
structure.onnx (its weights are nowhere).
"""

import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])


def write(name, node, shape):
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], name, [given], [result])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


twirl = helper.make_node("Twirl", ["input"], ["logits"], name="swirling", domain="com.example")
relu = helper.make_node("Relu", ["input"], ["logits"], name="relu")
write("operator", twirl, [1, 3, 8, 8])
write("batch", relu, ["n", 3, 8, 8])
write("sides", relu, [1, 3, "height", "width"])

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("input", "logits")]
imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
body = [helper.make_node("Add", ["a", "a"], ["t"]), helper.make_node("Neg", ["t"], ["b"])]
double = helper.make_function("own", "Identity", ["a"], ["b"], body, imports[:1])
call = helper.make_node("Identity", ["input"], ["logits"], domain="own")
graph = helper.make_graph([call], "function", ends[:1], ends[1:])
model = helper.make_model(graph, functions=[double], opset_imports=imports, ir_version=8)
(folder / "function.onnx").write_bytes(model.SerializeToString())

weights = numpy.arange(16, dtype=numpy.float32).reshape(4, 4)
product = helper.make_node("MatMul", ["input", "w"], ["logits"], name="product")
graph = helper.make_graph([product], "beside", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
model = helper.make_model(graph, opset_imports=imports[:1], ir_version=8)
(folder / "weights").mkdir(exist_ok=True)
onnx.save(model, folder / "beside.onnx", save_as_external_data=True, location="weights/all.data", size_threshold=0)
for name, location in (("lost", "lost.data"), ("outside", "../outside.data")):
    model = onnx.load(folder / "beside.onnx", load_external_data=False)
    model.graph.initializer[0].external_data[0].value = location
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())

given = [
    helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 10]),
    helper.make_tensor_value_info("place", TensorProto.INT64, [1]),
]
nodes = [helper.make_node("Gather", ["input", "place"], ["logits"], name="pick", axis=1)]
result = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
graph = helper.make_graph(nodes, "pick", given, result)
model = helper.make_model(graph, opset_imports=imports[:1], ir_version=8)
(folder / "pick.onnx").write_bytes(model.SerializeToString())
numpy.save(folder / "two.npy", numpy.array([2]))
numpy.save(folder / "three.npy", numpy.array([1, 2, 3], dtype=numpy.float32))
# A safetensors file is the length of its header, the header and the numbers.
header = b'{"input":{"dtype":"F32","shape":[1,10],"data_offsets":[0,40]}}'
ten = numpy.linspace(0, 1, 10, dtype="<f4")
(folder / "ten.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + ten.tobytes())


def constant(name, values):
    return numpy_helper.from_array(numpy.asarray(values), name)


def network(name, nodes, weights, shape=(1, 3, 8, 8), opset=17):
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, name, [given], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


node = helper.make_node
kernel = numpy.ones((4, 3, 3, 3), numpy.float32)
half = [
    node("Cast", ["input"], ["h"], to=TensorProto.FLOAT16),
    node("Conv", ["h", "w"], ["c"]),
    node("Cast", ["c"], ["logits"], to=TensorProto.FLOAT),
]
network("half", half, [constant("w", kernel.astype(numpy.float16))])
scales = [constant("s", numpy.float32(0.02)), constant("z", numpy.uint8(128))]
whole = constant("w", numpy.ones((4, 3, 3, 3), numpy.uint8))
quantised = [
    node("QuantizeLinear", ["input", "s", "z"], ["q"]),
    node("DequantizeLinear", ["q", "s", "z"], ["d"]),
    node("DequantizeLinear", ["w", "s", "z"], ["v"]),
    node("Conv", ["d", "v"], ["logits"]),
]
network("int8", quantised, [whole, *scales])
dynamic = [
    node("DynamicQuantizeLinear", ["input"], ["q", "qs", "qz"]),
    node("ConvInteger", ["q", "w", "qz", "z"], ["c"]),
    node("Cast", ["c"], ["logits"], to=TensorProto.FLOAT),
]
network("dynamic", dynamic, [whole, scales[1]])
branch = {
    way: helper.make_graph(
        [node(operator, ["input"], [way])], way, [], [helper.make_tensor_value_info(way, TensorProto.FLOAT, [1, 3, 8, 8])]
    )
    for way, operator in (("then_branch", "Neg"), ("else_branch", "Abs"))
}
chosen = [
    node("ReduceMax", ["input"], ["m"], keepdims=0),
    node("Greater", ["m", "zero"], ["flag"]),
    node("If", ["flag"], ["logits"], **branch),
]
network("branches", chosen, [constant("zero", numpy.float32(0))])
up = node("ConvTranspose", ["input", "w"], ["a"], name="up", strides=[2, 2], output_shape=[16, 16])
network("shifted", [up, node("Relu", ["a"], ["logits"])], [constant("w", numpy.ones((3, 4, 3, 3), numpy.float32))])
celu = node("Celu", ["input"], ["a"], name="bent", alpha=2.0)
network("many", [celu, node("Twirl", ["a"], ["b"], name="swirling"), node("GlobalLpPool", ["b"], ["logits"], name="pool")], [])
network("number", [node("Conv", ["input", "w"], ["a"]), node("Relu", ["a"], ["logits"])], [constant("w", kernel * numpy.nan)])
old = [node("Upsample", ["input", "sizes"], ["logits"], name="wider")]
network("old", old, [constant("sizes", numpy.float32([1, 1, 2, 2]))], opset=9)
# No whole size: the corners are aligned with a size of 10.4 in one of the engines.
stretch = node(
    "Resize", ["input", "", "scales"], ["logits"], name="stretch",
    mode="linear", coordinate_transformation_mode="align_corners",
)
network("stretched", [stretch], [constant("scales", numpy.float32([1, 1, 1.3, 1.3]))])
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size, 8, 8)) for name, size in (("input", 3), ("logits", 4))]
bare = node("Conv", ["input", "w"], ["logits"], name="bare", pads=[1, 1, 1, 1])
graph = helper.make_graph([bare], "structure", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
(folder / "structure.onnx").write_bytes(model.SerializeToString())
