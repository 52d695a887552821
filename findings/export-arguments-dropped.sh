#!/usr/bin/env bash
# torch's ONNX exporter drops arguments of operators and reports success; the file answers otherwise.
#
# Expected: an argument that ONNX cannot express is refused, or written with other operators.
# Seen: these arguments vanish. The export succeeds, onnxruntime loads the file, the numbers differ:
#   divisor_override of an average pooling (also with dynamo=False); label_smoothing of a cross
#   entropy; reduce="mean" of scatter_reduce, which overwrites instead of averaging.
# Versions: torch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6.
# Why it matters: the exported student is the one that ships, and it is not the one that was trained.
#   With divisor_override every activation behind the pooling has another scale.
# What helps: compare the outputs of the file with those of torch after each export.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
venv/bin/python - <<'PYTHON'
import logging
import sys
import warnings

import onnxruntime
import onnxscript
import torch
from torch.nn import functional as F

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
print("torch", torch.__version__, "onnxscript", onnxscript.__version__, "onnxruntime", onnxruntime.__version__)
index, label = torch.tensor([0, 0, 1]), torch.tensor([0, 2])
cases = {
    "avg_pool2d(divisor_override=3)": lambda x: F.avg_pool2d(x[None], 2, divisor_override=3),
    "cross_entropy(label_smoothing=0.3)": lambda x: F.cross_entropy(x[:, :3], label, label_smoothing=0.3),
    'scatter_reduce("mean")': lambda x: x[0, :3].scatter_reduce(0, index, x[1, :3], "mean"),
    "avg_pool2d, as a control": lambda x: F.avg_pool2d(x[None], 2),
}


class Network(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


x = torch.tensor([[1.0, 5.0, 2.0, 8.0], [3.0, 7.0, 4.0, 6.0]])
different = []
for name, function in cases.items():
    torch.onnx.export(Network(function).eval(), (x,), "network.onnx", verbose=False)
    session = onnxruntime.InferenceSession("network.onnx", providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    expected = function(x).numpy()
    different.append(abs(answer - expected).max() > 0.01)
    print(f"{name}: torch {expected.ravel().round(3).tolist()}, file {answer.ravel().round(3).tolist()}")
sys.exit(0 if different == [True, True, True, False] else 1)
PYTHON
