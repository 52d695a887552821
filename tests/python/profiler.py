"""Measures what the README claims of the profiler, on this machine.

    profiler.py [fidelity] [quiet] [contended] [equal] [slower] [utilisation] [--count N]

`quiet` and `contended` are the two halves of repeatability, `equal` and `slower` of the power to tell.

Needs a built checkout, torchvision, and the `tract` program, whose path is in the variable TRACT. All
comparisons alternate within one run; the last processor of the machine is the one measured on.
"""

import argparse
import json
import math
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

from pearl import PEARL, ROOT, pearl, run, students

CPU = (os.cpu_count() or 1) - 1
TRACT = os.environ.get("TRACT") or sys.exit("TRACT names no tract program; run `make bench`")
# Rounds, sessions, comparisons, networks.
COUNTS = {"fidelity": 16, "quiet": 20, "contended": 20, "equal": 40, "slower": 40, "utilisation": 50}
# Takes the processor away at random moments, about half of the time.
BUSY = """
import random, sys, time
random.seed(int(sys.argv[1]))
while True:
    time.sleep(random.uniform(0.0, 0.6))
    until = time.monotonic() + random.uniform(0.1, 0.6)
    while time.monotonic() < until:
        pass
"""


def stolen():
    """Ticks of the processor measured on that the hypervisor gave to others, and all of its ticks."""
    fields = re.search(rf"^cpu{CPU} (.*)$", pathlib.Path("/proc/stat").read_text(), re.M)[1].split()
    ticks = [int(field) for field in fields[:8]]
    return ticks[7], sum(ticks)


def percent(share):
    return f"{100 * share:.2f} %"


def devices(folder):
    file = folder / "devices.toml"
    file.write_text(f'[device.pinned]\ntransport = "local"\ncpus = [{CPU}]\n')
    return ["--devices", file, "--device", "pinned"]


def bench(device, *models, more=()):
    words = [str(word) for word in (PEARL, "--quiet", "bench", *models, *device, "--json", "--accept-unstable", "--no-history", *more)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if done.stdout else {"results": [], "errors": [done.stderr.strip()]}


def tract_ns(model, *options):
    """The mean that the tract program prints, in nanoseconds; or, as text, why there is none."""
    words = ["taskset", "-c", str(CPU), TRACT, str(model), "-O", "bench", "--allow-random-input", *options]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    found = re.search(r"([0-9.]+)\s*(ns|us|µs|ms|s)/i", plain)
    if not found:
        return " ".join(plain.split())[-200:]
    return float(found[1]) * {"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}[found[2]]


def tract_mean_ns(model):
    """Over four processes, for one process is one memory layout; or, as text, why there is none.

    Ours warms up until the time is steady; a tenth of a second would be five inferences of 20 ms."""
    figures = [tract_ns(model, "--warmup-time", "300", "--max-time", "1000") for _ in range(4)]
    said = [figure for figure in figures if isinstance(figure, str)]
    return said[0] if said else statistics.mean(figures)


def zoo():
    made = run(sys.executable, ROOT / "tests/python/zoo.py", ROOT / ".setup/zoo")
    return json.loads(made)


def half_width(ratios):
    """Of the median's 95 % interval between two of the ratios; infinite of fewer than six."""
    n = len(ratios)
    missed, below = 0.5**n, 0
    while missed <= 0.025:
        below += 1
        missed += math.comb(n, below) * 0.5**n
    ordered = sorted(ratios)
    return (ordered[n - below] - ordered[below - 1]) / 2 if below else math.inf


def fidelity(folder, rounds):
    """Our figure over the tract program's, in turns of a few seconds: clock rates wander for longer.

    Each network takes as many rounds as make the interval of its median ratio 1 % narrow to both
    sides, or the most that are allowed."""
    device = devices(folder)
    medians, means = {}, {}
    for name, model in zoo().items():
        sides = {"ours": lambda: bench(device, model, more=("--launches", 6)), "theirs": lambda: tract_mean_ns(model)}
        of_median, of_mean, why = [], [], None
        while not why and len(of_median) < rounds and half_width(of_median) > 0.01:
            order = list(sides) if len(of_median) % 2 else list(sides)[::-1]
            got = {side: sides[side]() for side in order}
            ours, theirs = got["ours"], got["theirs"]
            if isinstance(theirs, str) or not ours["results"]:
                why = f"tract: {theirs if isinstance(theirs, str) else 'runs'}; ours: {'; '.join(ours['errors']) or 'runs'}"
            else:
                latency = ours["results"][0]["latency_ns"]
                of_median.append(latency["median"] / theirs)
                of_mean.append(latency["mean"] / theirs)
        if why:
            print(f"  {name}: not measured; {why}", flush=True)
            continue
        medians[name], means[name] = statistics.median(of_median), statistics.median(of_mean)
        print(f"  {name}: {latency['median'] / 1e6:.3f} ms; our median over tract's mean {medians[name]:.4f} "
              f"({min(of_median):.3f} – {max(of_median):.3f}, n = {len(of_median)}), our mean {means[name]:.4f}", flush=True)
    for what, ratios in (("median", medians), ("mean", means)):
        away = sorted(abs(ratio - 1) for ratio in ratios.values())
        print(f"fidelity over {len(ratios)} networks: our {what} over tract's mean {statistics.median(ratios.values()):.4f}; "
              f"away from 1 by {percent(statistics.median(away))} in the median, {percent(away[-1])} at worst")


def spread(values):
    """Half the distance between the 5th and the 95th percentile, as a share of the median."""
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return (cuts[-1] - cuts[0]) / 2 / statistics.median(values)


def quiet(folder, sessions):
    """Repeatability, nothing else running."""
    repeatability(folder, sessions, "quiet")


def contended(folder, sessions):
    """Repeatability with a busy loop on the same core."""
    repeatability(folder, sessions, "contended")


def repeatability(folder, sessions, mood):
    model = folder / "student.onnx"
    run(PEARL, "--quiet", "export", "mobilenet-v3-small", "-o", model)
    device = devices(folder)
    ours, quotients, theirs, fixed, said, told = [], [], [], [], [], 0
    intervals, in_sentinels, taken = [], [], {True: [], False: []}
    for session in range(sessions):
        busy = None
        if mood == "contended":
            busy = subprocess.Popen(["taskset", "-c", str(CPU), sys.executable, "-c", BUSY, str(session)])
        try:
            before = stolen()
            result = bench(device, model)["results"][0]
            steal, ticks = (now - then for now, then in zip(stolen(), before))
            ours.append(result["latency_ns"]["median"])
            quotients.append(result["in_sentinels"]["point"])
            intervals.append(result["latency_ns"]["ci95"])
            in_sentinels.append([result["in_sentinels"][end] for end in ("lo", "hi")])
            said.append(result["verdict"])
            # Also where enough launches were clean, so that the number may be believed.
            told += result["contended"]
            taken[bool(result["contended"])].append(steal / ticks)
            theirs.append(tract_ns(model))
            fixed.append(tract_ns(model, "--warmup-loops", "10", "--max-loops", "50"))
        finally:
            if busy:
                busy.kill()
                busy.wait()
    print(f"{mood}, {sessions} sessions: spread of ours {percent(spread(ours))}, in sentinels "
          f"{percent(spread(quotients))}, of `tract bench` {percent(spread(theirs))}, of 10 + 50 runs {percent(spread(fixed))}; "
          f"medians {statistics.median(ours) / 1e6:.3f}, {statistics.median(theirs) / 1e6:.3f}, "
          f"{statistics.median(fixed) / 1e6:.3f} ms", flush=True)
    verdicts = ", ".join(f"{said.count(verdict)} {verdict}" for verdict in sorted(set(said)))
    print(f"  contention told in {told}; verdicts: {verdicts}")
    by_others = "; ".join(
        f"{'told' if said else 'not told'}: {percent(statistics.median(shares))} ({percent(min(shares))} – {percent(max(shares))})"
        for said, shares in taken.items() if shares)
    print(f"  of the measured processor's time the hypervisor gave to others, where contention was {by_others}", flush=True)
    if mood == "quiet":
        for unit, found, told_of in (("ms", ours, intervals), ("sentinels", quotients, in_sentinels)):
            truth = statistics.median(found)
            covered = sum(lo <= truth <= hi for lo, hi in told_of)
            print(f"coverage in {unit}: {covered} of {sessions} intervals hold the median of all sessions")


def equal(folder, comparisons):
    """A network against itself under other weights."""
    power(folder, comparisons, "again", "A/A")


def slower(folder, comparisons):
    """A network against one that is 3 % slower."""
    power(folder, comparisons, "slower", "+3 %")


def power(folder, comparisons, other, name):
    made = json.loads(run(sys.executable, ROOT / "tests/python/slower.py", folder))
    device = devices(folder)
    called, ratios = 0, []
    for _ in range(comparisons):
        words = [str(w) for w in (PEARL, "--quiet", "compare", made["first"], made[other], *device, "--json", "--accept-unstable", "--no-history")]
        done = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout)
        ratios.append(done["comparison"]["ratio"]["point"])
        called += done["comparison"]["outcome"] in ("slower", "faster")
    print(f"{name}: a difference called in {called} of {comparisons}; ratio {statistics.median(ratios):.4f} "
          f"({min(ratios):.4f} – {max(ratios):.4f})", flush=True)


def utilisation(folder, networks):
    """Of the time in which the device is leased: the share in timed inference or warm-up."""
    models = []
    for at, student in enumerate(students(networks, 23, folder / "students")):
        models.append(folder / f"{at:02}.onnx")
        run(PEARL, "--quiet", "export", student, "-o", models[-1])
    done = bench(devices(folder), *models, more=("--launches", 6))
    (device,) = done["devices"]
    whole = device["time"]["leased_ns"]
    shares = ", ".join(f"{name[:-3]} {percent(ns / whole)}" for name, ns in device["time"].items() if name != "leased_ns")
    print(f"utilisation over {networks} networks, {whole / 1e9:.0f} s leased: {percent(device['utilisation'])} ({shares})")
    verdicts = [result["verdict"] for result in done["results"]]
    print(f"  verdicts: {', '.join(f'{verdicts.count(v)} {v}' for v in sorted(set(verdicts)))}")
    traffic = device["traffic"]
    print("  for each network: " + ", ".join(f"{count / networks:.0f} {name.replace('_', ' ')}" for name, count in traffic.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(COUNTS), help=", ".join(COUNTS))
    parser.add_argument("--count", type=int, help=f"of each part, else {COUNTS}; 2 to see that it runs")
    args = parser.parse_args()
    unknown = [part for part in args.parts if part not in COUNTS]
    if unknown:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(COUNTS)}")
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts:
            print(f"== {part}", flush=True)
            globals()[part](pathlib.Path(folder), args.count or COUNTS[part])


main()
