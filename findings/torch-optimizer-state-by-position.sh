#!/usr/bin/env bash
# An optimizer made from named parameters still loads its state by position, and mixes parameters up.
#
# Expected: since an optimizer takes named parameters and keeps the names in its state_dict,
#   load_state_dict finds the state of a parameter by its name, as a module does.
# Seen: the names are stored and loaded, and not looked at. State goes to the parameter at the same
#   place. Parameters in another order get each other's momentum. Even another shape is accepted; the
#   error comes at the next step.
# Versions: torch 2.13.0, numpy 2.4.6.
# Why it matters: weight decay without batch norms, a frozen stem or a changed head reorder the groups.
#   A resumed training then goes on with foreign momentum and says nothing. The names in the file make
#   it look safe.
# What helps: compare param_names of the loaded state with those of the optimizer.
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


def optimizer(names, shapes):
    parameters = {name: nn.Parameter(torch.zeros(shapes[name])) for name in names}
    return parameters, torch.optim.SGD(list(parameters.items()), lr=0.1, momentum=0.9)


def momentum(parameters, optimizer):
    return {name: optimizer.state[parameter]["momentum_buffer"].tolist() for name, parameter in parameters.items()}


shapes = {"stem": [2], "head": [2]}
parameters, first = optimizer(["stem", "head"], shapes)
parameters["stem"].grad, parameters["head"].grad = torch.full([2], 1.0), torch.full([2], 5.0)
first.step()
saved = first.state_dict()
before = momentum(parameters, first)
print("saved: names", saved["param_groups"][0]["param_names"], "momentum", before)

resumed = optimizer(["head", "stem"], shapes)
resumed[1].load_state_dict(saved)
after = momentum(*resumed)
print("loaded into the other order, no error: momentum", after)
larger = optimizer(["stem", "head"], {"stem": [7], "head": [2]})
larger[1].load_state_dict(saved)
print("loaded into a stem of 7, no error: momentum", momentum(*larger))
sys.exit(0 if after == {"head": before["stem"], "stem": before["head"]} else 1)
PYTHON
