"""What a benchmark measures and what it measures it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MILLISECONDS = 1000.0
UPDATES = 4000
STARTS = 10
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Attributes:
        model: ``default``, the name of a shipped bundle, or the path of a bundle folder.
        speech: an audio file with speech.
        updates: how many updates are timed.
        starts: how many processes are started.
        audio: seconds of audio of the ``hour`` benchmark.
    """

    model: str
    speech: Path
    updates: int = UPDATES
    starts: int = STARTS
    audio: float = HOUR


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Attributes:
        key: its name in files, which stays the same.
        what: its name for people.
        unit: its unit; empty for ratios.
        median: the median, or the only value; None where it could not be measured.
        p95: the 95th percentile of several values.
        count: how many values there were.
        note: why there is no value.
    """

    key: str
    what: str
    unit: str
    median: float | None
    p95: float | None = None
    count: int = 1
    note: str = ""


def timed(key: str, what: str, seconds: Sequence[float]) -> Figure:
    """Median and 95th percentile of times, in milliseconds."""
    values = MILLISECONDS * np.asarray(seconds)
    median, p95 = np.percentile(values, (50, 95))
    return Figure(key, what, "ms", float(median), float(p95), len(values))
