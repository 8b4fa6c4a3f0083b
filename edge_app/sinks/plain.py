"""Lines for people: what was heard, when, and how sure the model is."""

from __future__ import annotations

import shutil
import sys

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate, seconds
from edge_app.counted import counted
from edge_app.sinks import LineWriter

BAR = 10


class PlainLines:
    """A line per estimate; a stretch without speech gets one line. On a terminal lines are cut to its width.

    Args:
        write: takes each line.
    """

    def __init__(self, write: LineWriter) -> None:
        self._write_line = write
        self._silent = False
        self._wearer = False

    def open(self, info: SessionInfo) -> None:
        """Write what listens to what."""
        if info.demo:
            self._line("DEMO: no microphone, a synthetic clip plays instead")
        self._line(f"{info.model} ({info.variant}) listens to {info.source}")
        if info.dimensions and info.mapped:
            self._line(f"{', '.join(info.dimensions)}: mapped from categories, not rated")
        self._wearer = info.baseline is not None
        if info.baseline is not None:
            self._line(f"baseline: {info.baseline}; 'wearer' says how much of it is the wearer's own by now")

    def write(self, estimate: Estimate) -> None:
        """Write the line of an estimate."""
        if estimate.state == "no-speech":
            if not self._silent:
                self._line(f"{seconds(estimate.end):9.2f} s  no speech")
            self._silent = True
            return
        self._silent = False
        line = estimate_line(estimate)
        self._line(f"{line}  wearer {estimate.wearer:4.0%}" if self._wearer else line)

    def notice(self, notice: Notice) -> None:
        """Write the notice."""
        self._line(f"{notice.kind}: {notice.text}")

    def close(self, end: SessionEnd) -> None:
        """Write the summary."""
        self._line(summary(end))

    def _line(self, line: str) -> None:
        if sys.stdout is not None and sys.stdout.isatty():
            line = line[: max(1, shutil.get_terminal_size().columns)]
        self._write_line(line)


class Warnings:
    """Notices only, for standard error where the estimates themselves have no place for them.

    Args:
        write: takes each line.
    """

    def __init__(self, write: LineWriter) -> None:
        self._write_line = write

    def open(self, info: SessionInfo) -> None:
        """Do nothing."""

    def write(self, estimate: Estimate) -> None:
        """Do nothing."""

    def notice(self, notice: Notice) -> None:
        """Write the notice."""
        self._write_line(f"edge-ser: {notice.kind}: {notice.text}")

    def close(self, end: SessionEnd) -> None:
        """Do nothing."""


def estimate_line(estimate: Estimate) -> str:
    """One estimate with speech, e.g. ``   12.25 s  anger  62 % ######....  arousal +0.71  valence -0.22  snr +12 dB``.

    Where noise is the reason for no label it says so at the end.
    """
    confidence = estimate.confidence or 0.0
    bar = "#" * round(BAR * confidence)
    line = f"{seconds(estimate.end):9.2f} s  {estimate.label or estimate.state:<10} {confidence:4.0%} {bar:.<{BAR}}"
    for name, value in (("arousal", estimate.arousal), ("valence", estimate.valence)):
        if value is not None:
            line += f"  {name} {value:+.2f}"
    if estimate.snr is not None:
        line += f"  snr {estimate.snr:+3.0f} dB"
    return f"{line}  too noisy" if estimate.reason == "noise" else line


def summary(end: SessionEnd) -> str:
    """How a session ended, on one line."""
    parts = [
        f"{end.duration:.1f} s of audio",
        counted(end.estimates, "estimate"),
        f"{counted(end.dropped_blocks, 'block')} dropped",
    ]
    if end.compute_ms_p50 is not None and end.compute_ms_p95 is not None:
        parts.append(f"update {end.compute_ms_p50:.1f} ms (p95 {end.compute_ms_p95:.1f} ms)")
    if end.rtf is not None:
        parts.append(f"{end.rtf:.1%} of real time")
    return ", ".join(parts)
