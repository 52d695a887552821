"""Measures what the README claims of the profiler, on this machine.

    profiler.py [fidelity] [disturbed] [coverage] [search] [equal] [slower] [utilisation] [device-time] [start] [--count N]

`disturbed` is repeatability with and without neighbours, `coverage` what its sessions say of later ones,
`search` is the main job with and without neighbours,
`equal` and `slower` are the power to tell, `device-time` and `start` hold this build
against the one that OTHER_PEARL names.

Needs a built checkout, the teacher `resnet` (`make teacher`), torchvision, and the `tract` program, whose path is in the variable TRACT. All
comparisons alternate within one run; the last processor of the machine is the one measured on, the
first is the neighbours'.
"""

import argparse
import contextlib
import datetime
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import onnx

from pearl import HOME, PEARL, ROOT, run, students

CPU = (os.cpu_count() or 1) - 1
TRACT = os.environ.get("TRACT") or sys.exit("TRACT names no tract program; run `make bench`")
# Rounds, sessions, candidates, comparisons, networks.
COUNTS = {"fidelity": 16, "disturbed": 20, "coverage": 0, "search": 24, "equal": 40, "slower": 40, "utilisation": 50, "device-time": 10, "start": 20}
CONDITIONS = ["quiet", "compute", "memory", "compiler"]
# Sessions of all days: what one day's say of another's is what `coverage` is about.
SESSIONS = HOME / "bench/sessions.jsonl"


@contextlib.contextmanager
def beside(condition, seed):
    """With a neighbour on the first processor, or nobody."""
    if condition == "quiet":
        yield
        return
    script = ROOT / "tests/python/neighbour.py"
    child = subprocess.Popen([sys.executable, script, condition, "0", str(seed)], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def percent(share):
    return f"{100 * share:.2f} %"


def devices(folder):
    file = folder / "devices.toml"
    file.write_text(f'[device.pinned]\ntransport = "local"\ncpus = [{CPU}]\n')
    return ["--devices", file, "--device", "pinned"]


def bench(device, *models, more=("--no-history",), program=PEARL, home=HOME):
    words = [str(word) for word in (program, "--quiet", "bench", *models, *device, "--json", "--accept-unstable", *more)]
    environment = {**os.environ, "PEARL_HOME": str(home)}
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
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
        sides = {"ours": lambda: bench(device, model, more=("--no-history", "--launches", 6)), "theirs": lambda: tract_mean_ns(model)}
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


def networks(folder):
    """One of a phone's networks, two students, one that weighs on the memory."""
    models = {"mobilenet-v3-small": folder / "mobilenet-v3-small.onnx"}
    run(PEARL, "--quiet", "export", "mobilenet-v3-small", "-o", models["mobilenet-v3-small"])
    for at, student in enumerate(students(2, 11, folder / "students")):
        models[f"student {at}"] = folder / f"student-{at}.onnx"
        run(PEARL, "--quiet", "export", student, "-o", models[f"student {at}"])
    light = pathlib.Path(onnx.__file__).parent / "backend/test/data/light"
    models["light_squeezenet"] = light / "light_squeezenet.onnx"
    return models


def disturbed(folder, sessions):
    """Sessions in turns: quiet, and beside a neighbour on the other processor.

    All are kept; the table is of those of this build, so that it can be stopped and continued."""
    models, device = networks(folder), devices(folder)
    home = SESSIONS.parent
    home.mkdir(parents=True, exist_ok=True)
    with SESSIONS.open("a") as kept:
        for session in range(sessions):
            for condition in CONDITIONS:
                with beside(condition, session):
                    done = bench(device, *models.values(), more=("--target", "2%", "--launches", 12), home=home)
                    results = {result["model"]["path"]: result for result in done["results"]}
                    if len(results) < len(models):
                        sys.exit(f"not all models were measured: {done['errors']}")
                    for name, result in ((name, results[str(model)]) for name, model in models.items()):
                        fixed = tract_ns(models[name], "--warmup-loops", "10", "--max-loops", "50")
                        theirs = tract_ns(models[name], "--warmup-time", "200", "--max-time", "1000")
                        compensated = result["compensated"]
                        kept.write(json.dumps({
                            "at": datetime.datetime.now().isoformat(timespec="seconds"), "condition": condition, "model": name,
                            "fingerprint": result["device"]["fingerprint"], "verdict": result["verdict"],
                            "launches": result["n_launches"], "raw": result["latency_ns"]["median"],
                            "compensated": compensated["latency_ns"], "elasticity": compensated["elasticity"],
                            "slowdown": compensated["slowdown"], "undisturbed": compensated["undisturbed_share"],
                            "reproducibility": result.get("reproducibility"), "tract": theirs, "fixed": fixed,
                        }) + "\n")
                kept.flush()
    print("half the distance from the 5th to the 95th percentile, and how far the median lies from the quiet one's")
    columns = {
        "compensated": lambda one: one["compensated"]["point"], "as timed": lambda one: one["raw"],
        "tract bench": lambda one: one["tract"], "10 + 50 runs": lambda one: one["fixed"],
    }
    got = {}
    for one in of_this_build():
        got.setdefault((one["model"], one["condition"]), []).append(one)
    for name in models:
        for condition in CONDITIONS:
            cells = []
            here, quiet = got[name, condition], got[name, "quiet"]
            for title, of in columns.items():
                shift = statistics.median(map(of, here)) / statistics.median(map(of, quiet)) - 1
                cells.append(f"{title} {percent(spread(list(map(of, here))))} ({100 * shift:+.1f} %)")
            said = [one["verdict"] for one in here]
            verdicts = ", ".join(f"{said.count(verdict)} {verdict}" for verdict in sorted(set(said)))
            print(f"  {name}, {condition}, {len(here)} sessions: {'; '.join(cells)}; {verdicts}", flush=True)


def of_this_build():
    """Another build, engine or processor is another device."""
    sessions = [json.loads(line) for line in SESSIONS.read_text().splitlines()]
    return [one for one in sessions if one["fingerprint"] == sessions[-1]["fingerprint"]]


def coverage(folder, _):
    """Of all sessions that `disturbed` kept: how often a stated interval holds a later session's latency."""
    del folder
    sessions = of_this_build()
    held = {}
    for at, earlier in enumerate(sessions):
        stated = earlier["reproducibility"]
        later = [one for one in sessions[at + 1:] if stated and one["model"] == earlier["model"]]
        for one in later:
            holds = stated["lo_ns"] <= one["compensated"]["point"] <= stated["hi_ns"]
            held.setdefault(one["condition"], []).append(holds)
    every, days = [holds for of in held.values() for holds in of], {one["at"][:10] for one in sessions}
    told = ", ".join(f"{condition} {percent(statistics.mean(of))}" for condition, of in held.items())
    print(f"coverage: of {len(every)} pairs of a stated interval and a later session ({len(sessions)} sessions, {len(days)} days) "
          f"{percent(statistics.mean(every))} hold; by the later one's condition {told}")
    widths = [one["reproducibility"]["half_width"] for one in sessions if one["reproducibility"]]
    print(f"  the intervals are ±{percent(statistics.median(widths))} wide in the median, the last ±{percent(widths[-1])}")


def search(folder, candidates):
    """The main job, with and without neighbours."""
    quiet_ns = None
    for condition in CONDITIONS:
        with beside(condition, 1):
            words = [PEARL, "--quiet", "search", "--space", "mnas", "--data", "fashion-mnist", "--teacher", "resnet", "--budget", "p50",
                     "--candidates", candidates, "--out", folder / condition, "--json"]
            environment = {**os.environ, "PEARL_HOME": str(HOME)}
            ended = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, env=environment)
        if not ended.stdout:
            print(f"search, {condition}: exit {ended.returncode}", flush=True)
            continue
        done = json.loads(ended.stdout)
        quiet_ns = quiet_ns or done["wall_ns"]
        rewarded = sum(candidate["reward"] is not None for candidate in done["candidates"])
        best, budget = done["best"], done["budget_ns"]
        student = "no student" if not best else (
            f"the student takes {best['latency_ns'] / 1e6:.3f} ms (up to {best['ci95'][1] / 1e6:.3f} ms, {best['verdict']}), "
            f"{100 * best['accuracy']:.2f} % on the test images")
        widths = [(hi - lo) / 2 / candidate["latency_ns"] for candidate in done["candidates"] if candidate["ci95"] for lo, hi in [candidate["ci95"]]]
        print(f"search, {condition}: exit {ended.returncode}, {done['wall_ns'] / 1e9:.0f} s ({done['wall_ns'] / quiet_ns:.2f} of quiet), "
              f"{rewarded} of {candidates} rewarded, intervals ±{percent(statistics.median(widths))} in the median, ±{percent(max(widths))} at worst; "
              f"budget {budget / 1e6:.3f} ms; {student}", flush=True)


def device_time(folder, rounds):
    """Time on the device until the interval is ±1 %: this build's over the other's."""
    other = os.environ.get("OTHER_PEARL") or sys.exit("OTHER_PEARL names no other program")
    models, device = networks(folder), devices(folder)
    for name, model in models.items():
        ratios, seen = [], []
        for at in range(rounds):
            times = {}
            for program in [PEARL, other] if at % 2 else [other, PEARL]:
                (done,) = bench(device, model, program=program)["devices"]
                times[program] = done["time"]["leased_ns"]
            ratios.append(times[PEARL] / times[other])
            seen.append((times[PEARL] / 1e9, times[other] / 1e9))
        ours, theirs = (statistics.median(side) for side in zip(*seen))
        print(f"device time to ±1 %, {name}: {statistics.median(ratios):.2f} of the other's ({min(ratios):.2f} – {max(ratios):.2f}, "
              f"n = {rounds}); {ours:.1f} and {theirs:.1f} s", flush=True)


def taken(words):
    """Seconds that a command takes, and the most memory that its own process had, in MB."""
    begun, most = time.monotonic(), 0
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None:
        with contextlib.suppress(OSError, TypeError):
            status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
            most = max(most, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1e3)
        time.sleep(0.0005)
    return time.monotonic() - begun, most


def start(folder, rounds):
    """This build's program against the other's: to start, beside a bench, on the disk."""
    other = pathlib.Path(os.environ.get("OTHER_PEARL") or sys.exit("OTHER_PEARL names no other program"))
    model = next(iter(networks(folder).values()))
    commands = {
        "--version": (["--version"], rounds),
        "arch show": (["arch", "show", "mobilenet-v2:1.0@224"], rounds),
        "bench": (["--quiet", "bench", model, *devices(folder), "--launches", "6", "--accept-unstable", "--no-history"], 2),
    }
    for name, (words, count) in commands.items():
        ratios = {"time": [], "memory": []}
        for at in range(count):
            seen = {program: taken([program, *words]) for program in ([PEARL, other] if at % 2 else [other, PEARL])}
            for what, mine, theirs in zip(ratios, seen[PEARL], seen[other]):
                ratios[what].append(mine / theirs)
        told = "; ".join(f"{what} {statistics.median(of):.4f} ({min(of):.4f} – {max(of):.4f})" for what, of in ratios.items())
        print(f"{name}, of the other's (n = {count}): {told}; now {1e3 * seen[PEARL][0]:.0f} and {1e3 * seen[other][0]:.0f} ms, "
              f"{seen[PEARL][1]:.0f} and {seen[other][1]:.0f} MB", flush=True)
    sizes = []
    for program in (PEARL, other):
        run("strip", "-o", folder / "stripped", program)
        sizes.append((folder / "stripped").stat().st_size / 1e6)
    print(f"stripped: {sizes[0] / sizes[1]:.3f} of the other's; {sizes[0]:.1f} and {sizes[1]:.1f} MB")


def equal(folder, comparisons):
    """A network against itself under other weights, in all conditions in turn."""
    power(folder, comparisons, "again", "A/A")


def slower(folder, comparisons):
    """A network against one that is 3 % slower, in all conditions in turn."""
    power(folder, comparisons, "slower", "+3 %")


def power(folder, comparisons, other, name):
    made = json.loads(run(sys.executable, ROOT / "tests/python/slower.py", folder))
    device = devices(folder)
    called, ratios = 0, []
    for at in range(comparisons):
        words = [str(w) for w in (PEARL, "--quiet", "compare", made["first"], made[other], *device, "--json", "--accept-unstable", "--no-history")]
        with beside(CONDITIONS[at % len(CONDITIONS)], at):
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
    done = bench(devices(folder), *models, more=("--no-history", "--launches", 6))
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
    parser.add_argument("parts", nargs="*", default=[part for part in COUNTS if part not in ("device-time", "start")], help=", ".join(COUNTS))
    parser.add_argument("--count", type=int, help=f"of each part, else {COUNTS}; 2 to see that it runs")
    args = parser.parse_args()
    unknown = [part for part in args.parts if part not in COUNTS]
    if unknown:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(COUNTS)}")
    with tempfile.TemporaryDirectory() as folder:
        for part in args.parts:
            print(f"== {part}", flush=True)
            globals()[part.replace("-", "_")](pathlib.Path(folder), args.count or COUNTS[part])


main()
