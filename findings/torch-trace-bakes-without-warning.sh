#!/usr/bin/env bash
# torch.jit.trace fixes the batch size of some networks without a TracerWarning; images get lost.
#
# Expected: a Python number that hangs on the input's size is recorded, or a TracerWarning says that
#   it becomes a constant.
# Seen: range(x.shape[0]) is unrolled for the traced batch, with no warning. The module then returns
#   two rows for five images. torch.roll by half the width keeps the traced shift at any other width,
#   with no warning and with the right shape. math.sqrt(x.shape[-1]) does warn, as one expects.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: per-image loops and shifted windows are common in teachers. "The trace gave no
#   warning" is no proof that a teacher can be given another batch or another size.
# What helps: compare trace and network on a second batch size and a second image size.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import math
import sys
import warnings

import torch

print("torch", torch.__version__)


class PerImage(torch.nn.Module):
    def forward(self, x):
        return torch.stack([x[i].mean((-2, -1)) for i in range(x.shape[0])])


class Shifted(torch.nn.Module):
    def forward(self, x):
        return x.roll(x.shape[-1] // 2, -1)


class Scaled(torch.nn.Module):
    def forward(self, x):
        return x / math.sqrt(x.shape[-1])


torch.manual_seed(0)
small, large = torch.randn(2, 3, 8, 8), torch.randn(5, 3, 12, 12)
result = []
for network in (PerImage(), Shifted(), Scaled()):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = torch.jit.trace(network.eval(), small)
    warned = any(issubclass(warning.category, torch.jit.TracerWarning) for warning in caught)
    answer, expected = traced(large), network(large)
    same = answer.shape == expected.shape and torch.allclose(answer, expected)
    result.append((warned, same))
    shapes = f"shape {tuple(answer.shape)} for {tuple(expected.shape)}"
    print(f"{type(network).__name__}: TracerWarning {warned}, {shapes}, same values {same}")
sys.exit(0 if result == [(False, False), (False, False), (True, False)] else 1)
PYTHON
