#!/usr/bin/env python3
"""Stands in for Android's `adb`: its commands run in the board's userland, as its user 2000.

BOARD_PID    a process in the board's namespaces
BOARD_ROOT   the board's root as that process sees it
ADB_DEVICES  what `adb devices` lists, such as "emulator-5554 device, R58 unauthorized"
ADB_PTY      where set, the device knows shells with a terminal in between only
"""

import os
import pty
import select
import sys

devices = [one.split(None, 1) for one in os.environ.get("ADB_DEVICES", "emulator-5554 device").split(",") if one.strip()]


def fail(message):
    print(f"adb: {message}", file=sys.stderr)
    sys.exit(1)


def board(*words):
    return [
        "nsenter",
        "--target",
        os.environ["BOARD_PID"],
        "--mount",
        "--net",
        "--pid",
        "--uts",
        "chroot",
        "--userspec=2000:2000",
        os.environ["BOARD_ROOT"],
        "/usr/bin/env",
        "-i",
        "PATH=/usr/bin:/bin",
        "TMPDIR=/data/local/tmp",
        # As on the board's sshd, see board.sh.
        "QEMU_CPU=max,sve=off",
        *words,
    ]


def in_terminal(words):
    """As old devices do it: the end of the input is not passed on, and the exit code is lost."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(words[0], words)
    ends = {0: terminal, terminal: 1}
    while True:
        for end in select.select(list(ends), [], [])[0]:
            try:
                data = os.read(end, 4096)
            except OSError:
                data = b""
            if data:
                os.write(ends[end], data)
            elif end == terminal:
                return
            else:
                del ends[end]


words = sys.argv[1:]
serial = None
if words[:1] == ["-s"]:
    serial, words = words[1], words[2:]

if words == ["devices"]:
    print("List of devices attached")
    for name, state in devices:
        print(f"{name}\t{state}")
    print()
    sys.exit()

named = [state for name, state in devices if serial in (None, name)]
if not named:
    fail(f"device '{serial}' not found" if serial else "no devices/emulators found")
if len(named) > 1:
    fail("more than one device/emulator")
state = named[0]
if words == ["get-state"]:
    print(state)
    sys.exit()
if state != "device":
    fail(f"device {state}")

match words:
    case ["push", source, target]:
        # As adb does, it goes on to talk about it on stdout.
        with open(source, "rb") as file:
            os.dup2(file.fileno(), 0)
        size = os.path.getsize(source)
        status = os.spawnvp(os.P_WAIT, "nsenter", board("/bin/sh", "-c", 'umask 022; cat >"$1"', "sh", target))
        if status != 0:
            fail(f"error: failed to copy '{source}' to '{target}': remote write failed")
        print(f"{source}: 1 file pushed, 0 skipped. ({size} bytes)")
    case ["shell", *command]:
        old = "ADB_PTY" in os.environ
        if command[:1] == ["-T"]:
            if old:
                fail("error: target doesn't support PTY args -Tt")
            command = command[1:]
        line = " ".join(command)
        words = board("/bin/sh", "-c", line)
        if not old:
            os.execvp("nsenter", words)
        in_terminal(words)
    case _:
        fail(f"unknown command {words}")
