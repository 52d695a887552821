"""Runs the program and reads its JSON; shared by the benchmarks and the experiments."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEARL = ROOT / "target/release/pearl"
HOME = pathlib.Path(os.environ.get("PEARL_HOME", ROOT / ".pearl"))


def run(*words, **options):
    """Standard output of a command that must succeed; what it says on stderr is passed on."""
    words = [str(word) for word in words]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit {done.returncode}")
    return done.stdout


def pearl(*words):
    environment = {**os.environ, "PEARL_HOME": str(HOME)}
    return json.loads(run(PEARL, "--quiet", *words, "--json", env=environment))


def students(count, seed, folder):
    """Architecture files of random students at Fashion-MNIST's resolution."""
    sampled = pearl("arch", "sample", "--space", "mnas", "-n", count, "--seed", seed,
                    "--input", "1x28x28", "--classes", 10, "-o", folder)
    return [student["path"] for student in sampled["architectures"]]
