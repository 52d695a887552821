#!/usr/bin/env bash
# safetensors writes the wrong numbers for a NumPy array that is not in C order.
#
# Expected: save_file writes the array's values, or refuses an array that it cannot write.
# Seen: safetensors.numpy writes the bytes as they lie in memory, under the shape of the view.
#   The values of a transposed array come back permuted. Nothing is raised and nothing is printed.
#   safetensors.torch refuses such tensors, and safetensors 0.7.0 writes them correctly.
# Versions: safetensors 0.8.0 is wrong, 0.7.0 is right; numpy 2.4.6.
# Why it matters: weights are transposed when a network moves between frameworks (Dense and Linear,
#   HWIO and OIHW kernels). A teacher saved in this way loads without an error and answers nonsense.
# What helps: numpy.ascontiguousarray before save_file.
# Date: 2026-11-28
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
venv/bin/python - <<'PYTHON'
import sys

import numpy
import safetensors
from safetensors.numpy import load_file, save_file

print("safetensors", safetensors.__version__, "numpy", numpy.__version__)
kernel = numpy.arange(24, dtype=numpy.float32).reshape(1, 2, 3, 4)  # height, width, inputs, outputs
arrays = {
    "transposed Linear weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3).T,
    "kernel as OIHW": kernel.transpose(3, 2, 0, 1),
    "Fortran order": numpy.asfortranarray(kernel[0, 0]),
    "every second column": kernel[0, 0][:, ::2],
}
wrong = 0
for name, array in arrays.items():
    save_file({"weight": array, "copy": numpy.ascontiguousarray(array)}, "weights.safetensors")
    loaded = load_file("weights.safetensors")
    assert numpy.array_equal(loaded["copy"], array)
    same = numpy.array_equal(loaded["weight"], array)
    wrong += not same
    print(f"{name}: shape {loaded['weight'].shape}, values {'right' if same else 'WRONG'}")
print("saved ", arrays["transposed Linear weight"].tolist())
save_file({"weight": arrays["transposed Linear weight"]}, "weights.safetensors")
print("loaded", load_file("weights.safetensors")["weight"].tolist())
sys.exit(0 if wrong == len(arrays) else 1)
PYTHON
