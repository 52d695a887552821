"""Writes ONNX files that are valid and cannot be measured.

Usage: make_models.py FOLDER. Writes operator.onnx (an operator of nobody's), batch.onnx (the batch is
free) and sides.onnx (height and width are free).
"""

import pathlib
import sys

from onnx import TensorProto, helper

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
