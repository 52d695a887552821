#!/usr/bin/env bash
# onnx.save with external data takes the weights out of the model that it is given.
#
# Expected: saving a model leaves the object in memory as it was.
# Seen: after onnx.save(model, ..., save_as_external_data=True) the object holds no weights, only the
#   name of the data file. A second save, to another folder, reports success and writes a file of
#   under 200 bytes without weights, which nothing can load. The bytes of the object are lost likewise.
# Versions: onnx 1.23.2, numpy 2.4.6.
# Why it matters: a program that saves a student twice (a checkpoint and the final file, a file and an
#   upload, a file and its hash) ships a network without weights, and hashes one.
# What helps: save a copy (copy.deepcopy), or call onnx.load again before the model is used.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check onnx==1.23.2 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import os
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

print("onnx", onnx.__version__, "numpy", numpy.__version__)
weight = numpy_helper.from_array(numpy.ones((64, 64), numpy.float32), "weight")
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "weight"], ["y"])],
    "student",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
    [weight],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
before = len(model.SerializeToString())
onnx.save(model, "checkpoint.onnx", save_as_external_data=True, location="checkpoint.data")
after = len(model.SerializeToString())
print("bytes of the object before and after the save:", before, after)

os.mkdir("ship")
onnx.save(model, "ship/student.onnx")  # no error, no warning
print("second save wrote", os.path.getsize("ship/student.onnx"), "bytes:", os.listdir("ship"))
try:
    onnx.load("ship/student.onnx")
    loads = True
except Exception as error:
    loads = False
    print("loading it raises", type(error).__name__)
sys.exit(0 if before > 64 * 64 * 4 and after < 1000 and not loads else 1)
PYTHON
