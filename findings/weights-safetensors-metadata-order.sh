#!/usr/bin/env bash
# safetensors writes the same weights and the same metadata as different files.
#
# Expected: equal tensors and equal metadata give equal bytes, so that a hash names the weights.
# Seen: the keys of the metadata are written in a random order. The order changes from call to call
#   within one process. With no metadata, or with one key, the bytes are always the same.
# Versions: safetensors 0.8.0, numpy 2.4.6.
# Why it matters: caches of teacher logits, registries of students and build caches name a file by
#   its hash. The same teacher, written twice, looks like two teachers, and its logits are computed
#   again. Upload caches send the same weights again.
# What helps: put everything into one metadata key (sorted JSON), or hash the tensors, not the file.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import hashlib
import sys

import numpy
import safetensors
from safetensors.numpy import load, save

print("safetensors", safetensors.__version__, "numpy", numpy.__version__)
weights = {"weight": numpy.ones((4, 4), numpy.float32), "bias": numpy.zeros(4, numpy.float32)}
metadata = {"format": "np", "classes": "10", "mean": "0.286", "deviation": "0.353", "seed": "0", "epochs": "5"}


def files(metadata):
    written = [save(weights, metadata) for _ in range(40)]
    assert all(numpy.array_equal(load(data)["weight"], weights["weight"]) for data in written)
    return {hashlib.sha256(data).hexdigest()[:12] for data in written}


one, several = files({"all": "{}"}), files(metadata)
print("hashes of 40 files with one metadata key:", len(one))
print("hashes of 40 files with six metadata keys:", len(several), sorted(several)[:3], "...")
sys.exit(0 if len(one) == 1 and len(several) > 1 else 1)
PYTHON
