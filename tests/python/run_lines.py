"""Runs lines of Python that Pearl answers with: run_lines.py FOLDER LINES. `Network` is known to them."""

import os
import sys

from teacher_networks import Network  # noqa: F401

os.chdir(sys.argv[1])
exec(sys.argv[2])
