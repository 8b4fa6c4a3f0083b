"""How much memory a session takes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator

from edge_app.bench.figures import Figure, Subject
from edge_app.bench.machine import one_core, program
from edge_app.bench.process import MEGABYTE, finish, peak_resident

LISTENING = 6.0
ROWS, COLUMNS = 24, 80


def measure_memory(subject: Subject) -> Iterator[Figure]:
    """Peak resident set of ``listen`` on a file in real time, with JSON lines and with the terminal interface."""
    command = [*program(), "listen", "--model", subject.model, "--input", str(subject.speech), "--realtime", "--ui"]
    with one_core():
        process = subprocess.Popen([*command, "jsonl"], stdout=subprocess.PIPE)
    yield Figure("memory_jsonl", "peak memory, listen --ui jsonl", "MB", _peak(process) / MEGABYTE)
    with terminal() as descriptor, one_core():
        # The interface draws on the controlling terminal, which a process gets with a session of its own.
        process = subprocess.Popen(
            ["setsid", "-c", *command, "tui"],
            stdin=descriptor, stdout=descriptor, stderr=descriptor,
            env={**os.environ, "TERM": "xterm-256color"},
        )  # fmt: skip
        yield Figure("memory_tui", "peak memory, listen --ui tui", "MB", _peak(process) / MEGABYTE)


@contextlib.contextmanager
def terminal() -> Iterator[int]:
    """A terminal of 80x24 whose output nobody looks at."""
    screen, descriptor = pty.openpty()
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    reader = threading.Thread(target=_drain, args=(screen,), daemon=True)
    reader.start()
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        reader.join()
        os.close(screen)


def _peak(process: subprocess.Popen[bytes]) -> int:
    """Let a session listen for a while and end it; what it writes to a pipe is read meanwhile."""
    with process:
        reader = None
        if process.stdout is not None:
            reader = threading.Thread(target=process.stdout.read, daemon=True)
            reader.start()
        time.sleep(LISTENING)
        if process.poll() is not None:
            finish(process)
        peak = peak_resident(process.pid)
        process.send_signal(signal.SIGINT)
        finish(process)
        if reader is not None:
            reader.join()
    return peak


def _drain(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # the other end has closed
        while os.read(descriptor, 65536):
            pass
