"""Keeps a processor busy at random, about half of the time, until it is killed.

    neighbour.py compute|memory|compiler CPU SEED

`compute` is a loop in the first-level cache, `memory` copies 64 MB back and forth, `compiler` compiles C++.
"""

import os
import random
import signal
import subprocess
import sys
import time

SOURCE = b"""
#include <map>
#include <regex>
#include <string>
bool all(const std::map<std::string, std::regex> &rules, const std::string &text) {
    for (auto &rule : rules) if (!std::regex_match(text, rule.second)) return false;
    return true;
}
"""
SHORTEST, LONGEST = 0.1, 2.0


def compute(until):
    while time.monotonic() < until:
        pass


def memory(until):
    import numpy

    one, other = numpy.ones(8 << 20), numpy.zeros(8 << 20)
    while time.monotonic() < until:
        numpy.copyto(other, one)
        numpy.copyto(one, other)


def compiler(until):
    while (left := until - time.monotonic()) > 0:
        words = ["c++", "-O2", "-x", "c++", "-", "-c", "-o", os.devnull]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
        try:
            child.communicate(SOURCE, timeout=left)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def main():
    kind = {"compute": compute, "memory": memory, "compiler": compiler}[sys.argv[1]]
    cpu, seed = int(sys.argv[2]), int(sys.argv[3])
    # Ended by a signal, it takes its compiler along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    os.sched_setaffinity(0, [cpu])
    random.seed(seed)
    while True:
        time.sleep(random.uniform(SHORTEST, LONGEST))
        kind(time.monotonic() + random.uniform(SHORTEST, LONGEST))


main()
