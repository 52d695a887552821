#!/usr/bin/env bash
# torch's older ONNX exporter (dynamo=False) rounds floor division and shifts towards zero.
#
# Expected: x // 2, x >> 1 and div(rounding_mode="floor") give in the file what they give in torch:
#   -7 // 2 is -4.
# Seen: with dynamo=False, // and >> on integers become a division that cuts the fraction off: -3.
#   div(rounding_mode="floor") and % are right, and so is the newer exporter. Only negative numbers
#   differ. The export succeeds and says nothing. Opsets 17, 18 and 20 behave alike.
# Versions: torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0, numpy 2.4.6.
# Why it matters: dynamo=False is still needed for TorchScript teachers and for opset 17. Offsets
#   between positions (relative attention, windows, anchors) are negative half of the time and are
#   divided so; the file then reads the neighbour's entry.
# What helps: torch.div(x, 2, rounding_mode="floor").
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
import torch

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
print("torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
cases = {
    "x // 2": lambda x: x // 2,
    "x >> 1": lambda x: x >> 1,
    'div(x, 2, "floor")': lambda x: torch.div(x, 2, rounding_mode="floor"),
}


class Network(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


x = torch.tensor([-7, -4, -1, 0, 1, 7])
right = {}
for name, function in cases.items():
    for dynamo in (False, True):
        options = {"dynamo": dynamo, "verbose": False, "opset_version": 18}
        torch.onnx.export(Network(function).eval(), (x,), "network.onnx", **options)
        session = onnxruntime.InferenceSession("network.onnx", providers=["CPUExecutionProvider"])
        (answer,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        right[name, dynamo] = answer.tolist() == function(x).tolist()
        print(f"{name}, dynamo={dynamo}: torch {function(x).tolist()}, file {answer.tolist()}")
wrong = {case for case, same in right.items() if not same}
sys.exit(0 if wrong == {("x // 2", False), ("x >> 1", False)} else 1)
PYTHON
