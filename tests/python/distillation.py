"""Does distillation beat hard labels? Random students, several seeds, at the search's training length.

    distillation.py [--students N] [--seeds N] [--alpha A] [--temperature T] …

Prints each student's mean accuracy on the 5,000 held-out images and its difference. What follows the
options named here is handed to `pearl train` as it is.
"""

import argparse
import pathlib
import statistics
import tempfile

from pearl import pearl, students


def accuracy(student, loss, seed, folder, more):
    trained = pearl("train", student, "--data", "fashion-mnist", "--training-by", loss, "--teacher", "resnet",
                    "--seed", seed, "--out", folder / "trained", *more)
    return trained["holdout_accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    args, more = parser.parse_known_args()
    won = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for student in students(args.students, 7, folder):
            seeds = range(1, args.seeds + 1)
            hard, taught = ([accuracy(student, loss, seed, folder, more) for seed in seeds]
                            for loss in ("hard", "distillation"))
            gain = statistics.mean(taught) - statistics.mean(hard)
            won += gain > 0
            print(f"{pathlib.Path(student).stem}: hard {show(hard)}, distillation {show(taught)}, {100 * gain:+.2f}",
                  flush=True)
    print(f"distillation is better for {won} of {args.students} students")


def show(accuracies):
    each = " ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies)
    return f"{100 * statistics.mean(accuracies):.2f} ({each})"


main()
