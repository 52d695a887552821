#!/usr/bin/env bash
# Clipping the gradient's norm turns one infinite number into NaN, and a large finite gradient into 0.
#
# Expected: after clip_grad_norm_(..., 1.0) the gradient is finite with norm at most 1, or the call
#   raises; a gradient whose numbers are all finite keeps its direction.
# Seen: one infinite number makes the norm infinite. All other numbers become 0, the infinite one NaN,
#   and the next step writes NaN into the weights. Finite gradients of 1e20 overflow in the norm: all
#   become 0 and the step does nothing. Nothing is raised, since error_if_nonfinite is False.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: clipping is put in to survive exactly this batch. A search that trains hundreds of
#   students meets it, and a NaN student gets accuracy 1/classes and is taken for a bad architecture.
# What helps: error_if_nonfinite=True, or skip the step if the returned norm is not finite.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import sys

import torch
from torch import nn

print("torch", torch.__version__)


def clipped(values):
    weight = nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor(values)
    norm = nn.utils.clip_grad_norm_([weight], 1.0)
    gradient = weight.grad.clone()
    torch.optim.SGD([weight], lr=0.1).step()
    print(f"gradient {values}: norm {norm.item()}, clipped {gradient.tolist()}, after a step {weight.tolist()}")
    return gradient, weight.detach()


usual, _ = clipped([3.0, 0.0, 4.0])
one, weight = clipped([1.0, float("inf"), 2.0])
large, _ = clipped([1e20, 2e20, 1e20])
assert torch.allclose(usual, torch.tensor([0.6, 0.0, 0.8]), atol=1e-4)
sys.exit(0 if one[0] == 0 and one[1].isnan() and weight[1].isnan() and (large == 0).all() else 1)
PYTHON
