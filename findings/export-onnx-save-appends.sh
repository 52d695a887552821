#!/usr/bin/env bash
# onnx.save appends to the file with the weights; the file grows with every save.
#
# Expected: a second save to the same name replaces the first one, as it does without external data,
#   or is refused. The documentation promises FileExistsError.
# Seen: onnx.save(..., save_as_external_data=True) replaces the .onnx file, and appends the weights
#   to the data file. After five saves the data file is five times as large. Its first four fifths
#   belong to nothing. The newest weights are read back correctly, so nobody notices. The check for
#   an existing file looks in the working directory and not beside the model.
# Versions: onnx 1.23.2, numpy 2.4.6.
# Why it matters: a search or a training that exports its best student again and again to one name
#   ships a data file of many times its size. File size is then no measure of the network, an upload
#   to a phone grows, and the hash of equal weights changes with every save.
# What helps: delete the data file before every save, or write to a new folder.
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


def network(value):
    weight = numpy_helper.from_array(numpy.full((64, 64), value, numpy.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weight"], ["y"])],
        "student",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


os.mkdir("run")
sizes = []
for epoch in range(5):
    onnx.save(network(epoch), "run/best.onnx", save_as_external_data=True, location="best.data")
    sizes.append(os.path.getsize("run/best.data"))
    newest = numpy_helper.to_array(onnx.load("run/best.onnx").graph.initializer[0])
    assert (newest == epoch).all()
print("bytes of weights:", 64 * 64 * 4, "bytes of best.data after each save:", sizes)
sys.exit(0 if sizes[4] == 5 * sizes[0] else 1)
PYTHON
