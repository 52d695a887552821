"""Stands before a real agent and makes its launches short and their samples steady.

Usage: steady_agent.py [--rough] [--slow-best] AGENT. The agent loads, runs and times every file as ever. Of its answer the
samples are replaced by ones that depend on nothing but the length of the model's file, and the signs
of a busy machine are taken out, so that what follows from a measurement can be compared exactly.
With --rough the samples are those of a model that others take the processor from. With --slow-best a file
called best.onnx takes 60 ms more, as no student of a search does.
"""

import json
import os
import subprocess
import sys
import threading

words = sys.argv[1:]
options = [word for word in words if word in ("--rough", "--slow-best")]
rough, slow_best = "--rough" in options, "--slow-best" in options
agent = subprocess.Popen(words[len(options) :], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
models = {}
READING = {"core_ns": 100_000, "network_ns": 900_000, "memory_ns": 200_000, "cpu_ns": 1_200_000, "wall_ns": 1_200_000}


def requests():
    for line in sys.stdin.buffer:
        request = json.loads(line)
        launch = request["body"].get("launch") if isinstance(request["body"], dict) else None
        if launch:
            models[request["id"]] = launch["model"]["path"]
            launch["warm_up"].update(min_ns=0, max_ns=20_000_000)
            launch["sampling"].update(slice_ns=0)
            line = json.dumps(request).encode() + b"\n"
        try:
            agent.stdin.write(line)
            agent.stdin.flush()
        except BrokenPipeError:
            return
    agent.stdin.close()


def steady(launch, path):
    median = 1_000_000 + os.path.getsize(path) % 1_000_000
    if slow_best and os.path.basename(path) == "best.onnx":
        median += 60_000_000
    samples = [median + 100 * (at % 3 - 1) for at in range(60)]
    launch.update(
        steady=True,
        samples_ns=samples,
        cpu_ns=sum(samples) // (2 if rough else 1),
        wall_ns=sum(samples),
        samples_cpu_ns=[sample // 2 for sample in samples] if rough else [],
        involuntary_switches=1000 if rough else 0,
        blocks=[10] * 6,
        readings=[READING] * 7,
        clock={"resolution_ns": 1, "overhead_ns": 20},
    )
    for state in ("state_before", "state_after"):
        launch[state]["frequency_khz"] = []


threading.Thread(target=requests, daemon=True).start()
for line in agent.stdout:
    reply = json.loads(line)
    done = reply["outcome"].get("done", {})
    if "launch" in done:
        steady(done["launch"], models[reply["id"]])
    if "probe" in done:
        look = done["probe"]
        look["readings"] = [READING for _ in look["readings"]]
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
    sys.stdout.buffer.flush()
sys.exit(agent.wait() != 0)
