#!/usr/bin/env bash
# torch's FLOP counter says 0 for an LSTM and for attention on a CPU, with no warning.
#
# Expected: FlopCounterMode counts an LSTM as it counts a GRU, and attention as the two matrix
#   products that it is; or it says what it did not count.
# Seen: LSTM and scaled_dot_product_attention run on the CPU as one fused operator each, which the
#   counter does not know. It adds 0 and is silent. A GRU, an RNN and attention written as two
#   products are counted. The GPU's operators for attention are in its table, the CPU's is not.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: students are filtered and reported by such counts. An attention block looks like its
#   linear layers alone on a CPU, an LSTM is free, and the same network has two counts on two machines.
# What helps: attention: sdpa_kernel(SDPBackend.MATH) around the count. LSTM: count by hand.
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
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, flop_registry

print("torch", torch.__version__)


def flops(function, *arguments):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function(*arguments)
    return counter.get_total_flops()


x = torch.randn(8, 16, 64)
q = torch.randn(2, 4, 256, 16)
recurrent = {kind.__name__: flops(kind(64, 64), x) for kind in (nn.LSTM, nn.GRU, nn.RNN)}
print("8 steps, batch 16, width 64:", recurrent)
fused = flops(F.scaled_dot_product_attention, q, q, q)
products = flops(lambda q: (q @ q.mT).softmax(-1) @ q, q)
with sdpa_kernel(SDPBackend.MATH):
    math = flops(F.scaled_dot_product_attention, q, q, q)
print("attention, 256 positions: fused", fused, "- as two products", products, "- MATH backend", math)
names = [str(name) for name in flop_registry if "dot_product" in str(name) and "backward" not in str(name)]
print("attention operators in the table:", sorted(names))
sys.exit(0 if recurrent["LSTM"] == 0 and recurrent["GRU"] > 0 and fused == 0 and products == math > 0 else 1)
PYTHON
