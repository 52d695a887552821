#!/usr/bin/env bash
# Autocast on the CPU computes softmax and log_softmax in bfloat16; distillation losses drift.
#
# Expected: autocast keeps softmax and log_softmax in float32, as it does on CUDA.
# Seen: CUDA's autocast has a rule for both, the CPU's has none. Both run in the type of the logits.
#   A teacher's 1000 probabilities then sum to 0.998 to 1.002, and the KL divergence between a student
#   and a teacher that nearly agree is wrong by a quarter in the mean of ten draws, from the same logits. A
#   perfect student has a divergence other than 0, sometimes below 0. The loss is shown as float32.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: bfloat16 is the usual way to train a student faster on a CPU. The same code distils
#   otherwise on a CPU than on a GPU, most of all at the end, when the student is nearly there.
# What helps: logits.float() before the loss.
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
from torch.nn import functional as F

torch.set_num_threads(1)
print("torch", torch.__version__)
rule = torch._C._dispatch_has_kernel_for_dispatch_key
for device in ("CUDA", "CPU"):
    print(f"autocast rule for log_softmax on {device}:", rule("aten::log_softmax.int", f"Autocast{device}"))


def divergence(student, teacher):
    return F.kl_div(F.log_softmax(student, 1), F.softmax(teacher, 1), reduction="batchmean").item()


identity, errors, perfect = torch.eye(1000), [], []
for seed in range(10):
    torch.manual_seed(seed)
    teacher = 3 * torch.randn(256, 1000)
    student = teacher + 0.05 * torch.randn(256, 1000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        s, t = student @ identity, teacher @ identity
        probabilities, half = F.softmax(t, 1), divergence(s, t)
        perfect.append(divergence(t, t))
    full = divergence(s.float(), t.float())
    sums = probabilities.double().sum(1)
    errors.append(abs(half - full) / full)
    print(f"sums {sums.min():.4f} to {sums.max():.4f}; KL {half:.6f}, from the same logits in float32 {full:.6f}")
print(f"{probabilities.dtype}, mean relative error of the KL {sum(errors) / len(errors):.2f}")
print("KL of a perfect student:", [f"{value:.6f}" for value in perfect[:5]])
sys.exit(0 if probabilities.dtype == torch.bfloat16 and sum(errors) / len(errors) > 0.1 else 1)
PYTHON
