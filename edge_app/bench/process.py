"""Processes seen from outside, as the kernel counts them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from edge_app.errors import EdgeSerError

KIBIBYTE = 1024
MEGABYTE = 1e6
PATIENCE = 60.0


def resident(pid: int) -> int:
    """Bytes of a process that are in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_resident(pid: int) -> int:
    """Bytes of a process that were in memory at most, since its program started."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIBIBYTE
    raise EdgeSerError(f"process {pid} ended before its memory was read; run the benchmark again")


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end well.

    Raises:
        EdgeSerError: it failed.
    """
    code = process.wait(PATIENCE)
    if code:
        raise EdgeSerError(f"the measured process failed with exit code {code}; what it said is above")
