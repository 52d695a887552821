#!/usr/bin/env bash
# torch.onnx.export writes another opset than the one asked for, or an invalid file.
#
# Expected: opset_version=17 gives a valid file of opset 17, or an error.
# Seen: the exporter writes opset 18 and lets a converter bring the file down. Convolutions alone
#   become opset 17. With a global average pooling the conversion fails and the file stays at 18.
#   With a chunk over channels the file says 17 and keeps an attribute that opset 17 does not have:
#   the checker and onnxruntime refuse it. Each call returns normally; only the log mentions the
#   fallback to 18. dynamo=False writes valid files of opset 17.
# Versions: torch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, numpy 2.4.6.
# Why it matters: where an engine takes opset 17 and no higher, one student of a family loads and the
#   next one does not, with the same line of export code.
# What helps: dynamo=False for opsets below 18; check opset_import and onnx.checker after the export.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 onnx==1.23.2 onnxscript==0.7.2
venv/bin/python - <<'PYTHON'
import logging
import sys
import warnings

import onnx
import onnxscript
import torch
from torch import nn

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
print("torch", torch.__version__, "onnxscript", onnxscript.__version__, "onnx", onnx.__version__)
x = torch.zeros(1, 3, 16, 16)
convolutions = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)).eval()
pooled = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(1)).eval()


class Halves(nn.Module):
    def forward(self, x):
        left, right = x.chunk(2, 1)
        return left * right


found = {}
halved = nn.Sequential(convolutions, Halves()).eval()
for name, network in {"convolutions": convolutions, "with pooling": pooled, "with chunk": halved}.items():
    for dynamo in (True, False):
        torch.onnx.export(network, (x,), "network.onnx", opset_version=17, dynamo=dynamo, verbose=False)
        model, fault = onnx.load("network.onnx"), ""
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            fault = str(error).splitlines()[0]
        found[name, dynamo] = model.opset_import[0].version, not fault
        print(f"{name}, dynamo={dynamo}: opset {model.opset_import[0].version}, {fault or 'valid'}")
seen = [found["convolutions", True], found["with pooling", True], found["with chunk", True]]
older = {value for (_, dynamo), value in found.items() if not dynamo}
sys.exit(0 if seen == [(17, True), (18, True), (17, False)] and older == {(17, True)} else 1)
PYTHON
