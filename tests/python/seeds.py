"""Searches with several seeds and compares the mean reward of the last quarter with that of the first.

    seeds.py [--seeds N] [--candidates N] [--budget B] [--out DIR]

Repeating it resumes. Needs a built checkout and the teacher `resnet` (`make teacher`).
"""

import argparse
import pathlib
import statistics

from pearl import pearl


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--budget", required=True, help="one for all seeds, such as 2ms")
    parser.add_argument("--out", type=pathlib.Path, default="runs/seeds")
    args = parser.parse_args()
    risen = 0
    for seed in range(1, args.seeds + 1):
        run = pearl("search", "--space", "mnas", "--data", "fashion-mnist", "--teacher", "resnet",
                    "--budget", args.budget, "--candidates", args.candidates, "--final-epochs", 0,
                    "--seed", seed, "--out", args.out / str(seed))
        rewards = [candidate["reward"] for candidate in run["candidates"] if candidate["reward"] is not None]
        quarter = args.candidates // 4
        quarters = [[candidate["reward"] for candidate in part if candidate["reward"] is not None]
                    for part in (run["candidates"][:quarter], run["candidates"][-quarter:])]
        first, last = map(statistics.mean, quarters)
        risen += last > first
        print(f"seed {seed}: first quarter {first:.4f}, last quarter {last:.4f}, {last - first:+.4f}; "
              f"{len(rewards)} of {args.candidates} rewarded", flush=True)
    print(f"the last quarter is higher for {risen} of {args.seeds} seeds")


main()
