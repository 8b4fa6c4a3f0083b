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
        clip: the recording of the ``clip`` benchmark, None for none.
        timeline: what is true of the clip, None where nobody knows.
        realtime: the clip is played at the pace of the clock.
    """

    model: str
    speech: Path
    updates: int = UPDATES
    starts: int = STARTS
    audio: float = HOUR
    clip: Path | None = None
    timeline: Path | None = None
    realtime: bool = False


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
        p99: the 99th percentile of several values.
    """

    key: str
    what: str
    unit: str
    median: float | None
    p95: float | None = None
    count: int = 1
    note: str = ""
    p99: float | None = None


def timed(key: str, what: str, seconds: Sequence[float]) -> Figure:
    """Percentiles of times, in milliseconds."""
    return spread(key, what, "ms", [MILLISECONDS * value for value in seconds])


def spread(key: str, what: str, unit: str, values: Sequence[float]) -> Figure:
    """Median, 95th and 99th percentile of values."""
    median, p95, p99 = (float(value) for value in np.percentile(values, (50, 95, 99)))
    return Figure(key, what, unit, median, p95, len(values), p99=p99)
