#!/usr/bin/env bash
# Reading a validation set, without shuffling, changes how the training set is shuffled afterwards.
#
# Expected: a DataLoader with shuffle=False and no workers uses no random numbers.
# Seen: every iter() of a DataLoader draws one number from torch's global generator, as a seed for
#   workers that do not exist. An epoch of validation moves the random stream of the training: the
#   next shuffle, the dropout masks and the new layers are others.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: "same seed" does not compare students when one run validates every epoch and the
#   other at the end only. In short trainings, seeds differ by as much as students do; the difference
#   is then read as one between the students.
# What helps: DataLoader(..., generator=torch.Generator()) for the validation set.
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
from torch.utils.data import DataLoader, TensorDataset

print("torch", torch.__version__)
images = TensorDataset(torch.arange(12))


def epochs(validate, **options):
    torch.manual_seed(0)
    training = DataLoader(images, batch_size=12, shuffle=True)
    validation = DataLoader(images, batch_size=12, shuffle=False, **options)
    orders = []
    for _ in range(2):
        orders.append(next(iter(training))[0].tolist())
        if validate:
            list(validation)
    return orders


without, within = epochs(False), epochs(True)
own = epochs(True, generator=torch.Generator())
print("second epoch, no validation:              ", without[1])
print("second epoch, with validation:            ", within[1])
print("second epoch, validation has its generator:", own[1])
assert without[0] == within[0] and own == without
sys.exit(0 if without[1] != within[1] else 1)
PYTHON
