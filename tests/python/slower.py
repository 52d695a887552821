"""Writes three ONNX chains of equal layers: one, the same with other weights, and one 3 % longer.

    slower.py FOLDER

The paths are printed as one JSON document. Every layer costs the same, so 103 of them cost 3 % more than
100, whatever the engine makes of one.
"""

import json
import pathlib
import sys

import numpy
from onnx import TensorProto, helper, numpy_helper

CHANNELS, SIDE = 16, 14


def chain(layers, seed, path):
    random = numpy.random.default_rng(seed)
    shape = [1, CHANNELS, SIDE, SIDE]
    nodes, weights = [], []
    for at in range(layers):
        weight = random.normal(0, (2 / (9 * CHANNELS)) ** 0.5, (CHANNELS, CHANNELS, 3, 3)).astype(numpy.float32)
        weights.append(numpy_helper.from_array(weight, f"w{at}"))
        nodes.append(helper.make_node("Conv", [f"x{at}", f"w{at}"], [f"c{at}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{at}"], [f"x{at + 1}"]))
    graph = helper.make_graph(
        nodes, path.stem,
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, shape)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return str(path)


folder = pathlib.Path(sys.argv[1])
print(json.dumps({
    "first": chain(100, 1, folder / "first.onnx"),
    "again": chain(100, 2, folder / "again.onnx"),
    "slower": chain(103, 1, folder / "slower.onnx"),
}))
