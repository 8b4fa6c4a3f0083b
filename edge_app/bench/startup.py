"""How long it takes to start."""

from __future__ import annotations

import array
import fcntl
import os
import subprocess
import termios
import time
from collections.abc import Iterator

from edge_app.bench.figures import Figure, Subject, timed
from edge_app.bench.machine import one_core, program
from edge_app.bench.process import finish

BLOCK = bytes(640)
POLL = 0.0005


def measure_startup(subject: Subject) -> Iterator[Figure]:
    """Time from the start of a process to the first block of audio taken, and to the end of ``--help``."""
    times = [first_block(subject.model) for _ in range(subject.starts + 1)]
    yield timed("startup_first_block", "start to the first audio block taken", times[1:])
    times = [whole_run("--help") for _ in range(subject.starts + 1)]
    yield timed("startup_help", "edge-ser --help", times[1:])


def first_block(model: str) -> float:
    """Seconds from the start of ``listen`` until it has taken a block that waits in its standard input."""
    reader, writer = os.pipe()
    try:
        os.write(writer, BLOCK)
        command = [*program(), "listen", "--model", model, "--input", "-", "--ui", "jsonl"]
        began = time.perf_counter()
        with one_core():
            process = subprocess.Popen(command, stdin=reader, stdout=subprocess.DEVNULL)
        while unread(reader) and process.poll() is None:
            time.sleep(POLL)
        elapsed = time.perf_counter() - began
    finally:
        os.close(writer)
        os.close(reader)
    finish(process)
    return elapsed


def whole_run(*arguments: str) -> float:
    """Seconds that a command takes."""
    began = time.perf_counter()
    with one_core():
        process = subprocess.Popen([*program(), *arguments], stdout=subprocess.DEVNULL)
    finish(process)
    return time.perf_counter() - began


def unread(descriptor: int) -> int:
    """Bytes that wait in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]
