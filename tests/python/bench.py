"""Measures what the README claims of speed, as ratios of alternating runs on this machine.

    bench.py [PART…] [--rounds N] [--images N]

`training` is the worker against Python, `busy` training beside other programs, `search` where the time
of a search goes.

Needs a built checkout and the teacher `resnet` (`make teacher`).
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from pearl import PEARL, ROOT, pearl, run, students

BATCH, EPOCHS = 128, 2
PYTHON = pathlib.Path(sys.executable)


def spread(ratios):
    ratios = sorted(ratios)
    return f"median {statistics.median(ratios):.3f} (min {ratios[0]:.3f}, max {ratios[-1]:.3f}, n = {len(ratios)})"


def training(folder, rounds, images):
    """Images a second in training steps: ours over eager PyTorch's, same network, batch and epochs."""
    twin = ROOT / "tests/python/train_twin.py"
    ratios, seen = [], []
    for at, student in enumerate(students(3, 11, folder)):
        graph = folder / f"graph-{at}.json"
        graph.write_text(run(PEARL, "arch", "show", student, "--json"))
        for _ in range(rounds):
            time = pearl("train", student, "--data", "fashion-mnist", "--training-by", "hard", "--epochs", EPOCHS,
                         "--images", images, "--batch", BATCH, "--no-flip", "--out", folder / "trained")["time"]
            ours = time["images"] / time["steps_ns"] * 1e9
            theirs = json.loads(run(PYTHON, twin, graph, "--images", images, "--batch", BATCH,
                                    "--epochs", EPOCHS))["images_per_second"]
            ratios.append(ours / theirs)
            seen.append((ours, theirs))
    ours, theirs = (statistics.median(side) for side in zip(*seen))
    print(f"training images/s, worker over Python PyTorch: {spread(ratios)}; medians {ours:.0f} and {theirs:.0f}", flush=True)


@contextlib.contextmanager
def busy_cores():
    """A process that computes without end on each processor."""
    loop = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])])\nwhile True: pass"
    children = [subprocess.Popen([PYTHON, "-c", loop, str(cpu)]) for cpu in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def busy(folder, rounds, images):
    """Time of training steps with one busy process on each processor, over the quiet time before and after.

    Two programs that share a processor fairly take twice their time each."""
    (student,) = students(1, 11, folder)
    networks = {"a student": student, "resnet-8": "resnet-8"}

    def steps_ns(network):
        shape = ["--input", "1x28x28", "--classes", 10] if network == "resnet-8" else []
        return pearl("train", network, *shape, "--data", "fashion-mnist", "--training-by", "hard", "--epochs", 1,
                     "--images", images, "--batch", BATCH, "--no-flip", "--out", folder / "busy")["time"]["steps_ns"]

    for name, network in networks.items():
        ratios = []
        quiet = steps_ns(network)
        for _ in range(rounds):
            with busy_cores():
                beside = steps_ns(network)
            before, quiet = quiet, steps_ns(network)
            ratios.append(beside / statistics.mean([before, quiet]))
        print(f"training of {name} beside a busy process on each processor, over quiet: {spread(ratios)}; "
              f"quiet {quiet / 1e9:.1f} s", flush=True)


def search(folder, rounds, images):
    """Where the wall time of a search goes, at its default training length."""
    del rounds, images
    done = pearl("search", "--space", "mnas", "--data", "fashion-mnist", "--teacher", "resnet", "--budget", "5ms",
                 "--candidates", 6, "--final-epochs", 0, "--seed", 3, "--out", folder / "search")
    times = [candidate["time"] for candidate in done["candidates"]]
    total = {key: sum(time[key] for time in times) for key in times[0]}
    useful = total["train_steps_ns"] + total["timed_inference_ns"]
    print(f"share of a search's wall time in training steps or timed inference: {useful / done['wall_ns']:.1%}")
    shares = ", ".join(f"{key[:-3]} {value / done['wall_ns']:.1%}" for key, value in total.items())
    print(f"  all of it: {shares}")
    print(f"teacher's share of a candidate's time, logits cached: {total['teacher_ns'] / sum(total.values()):.2%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"training": training, "busy": busy, "search": search}
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4000, help="of an epoch; many on a CUDA device, where ours pays for the first use of its libraries")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for part in args.parts or parts:
            parts[part](folder, args.rounds, args.images)


main()
