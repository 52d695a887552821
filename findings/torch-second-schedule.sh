#!/usr/bin/env bash
# A second learning-rate schedule on the same optimizer starts from the first one's rate, or from 0.
#
# Expected: a new scheduler starts at the rate that the optimizer has; one set by hand is kept.
# Seen: the first scheduler leaves initial_lr in the optimizer, and in its state_dict. A second
#   CosineAnnealingLR goes on from the final rate, 0, and stays at 0: a whole stage trains nothing.
#   With the rate set to 0.01 by hand between the stages, CosineAnnealingLR and StepLR start at 0.01;
#   LambdaLR and CosineAnnealingWarmRestarts start at the 0.1 of the first stage. Nothing is printed.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: distillation is often done in stages: first the teacher's logits, then the labels
#   with a small rate. The second stage does nothing, or undoes the first with ten times the rate.
# What helps: a new optimizer for each stage, or set initial_lr beside lr in every group.
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
from torch.optim import lr_scheduler

print("torch", torch.__version__)
schedules = {
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 5),
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 3),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 - epoch / 5),
    "CosineAnnealingWarmRestarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 6),
}


def rates(optimizer, name):
    scheduler, seen = schedules[name](optimizer), []
    for _ in range(5):
        seen.append(round(optimizer.param_groups[0]["lr"], 4))
        optimizer.step()
        scheduler.step()
    return seen


def after_first_stage():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    rates(optimizer, "CosineAnnealingLR")
    return optimizer


second = rates(after_first_stage(), "CosineAnnealingLR")
print("second stage, same schedule:", second)
starts = {}
for name in schedules:
    optimizer = after_first_stage()
    optimizer.param_groups[0]["lr"] = 0.01
    seen = rates(optimizer, name)
    starts[name] = seen[0]
    print(f"second stage, rate set to 0.01, {name}: {seen}")
sys.exit(0 if max(second) == 0 and list(starts.values()) == [0.01, 0.01, 0.1, 0.1] else 1)
PYTHON
