"""What a session tells its sinks besides estimates: how it begins, what happens on the way, how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

EndReason: TypeAlias = Literal["eof", "interrupted", "error"]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """How a session begins.

    Attributes:
        model: name of the bundle.
        variant: which of its files runs, e.g. ``int8``.
        labels: its classes.
        dimensions: its dimensions, empty where it has none.
        window: length of a window in seconds.
        hop: seconds between estimates.
        source: the device, the file, or ``stdin``.
        demo: no microphone was there, and the demo clip plays instead.
        mapped: the dimensions are mapped from categories, not rated.
        baseline: ``adaptive``, or whose enrolled baseline is used; None where it is the bundle's own.
        memory: seconds that the model looks back; None where it reads each window afresh.
    """

    model: str
    variant: str
    labels: tuple[str, ...]
    dimensions: tuple[str, ...]
    window: float
    hop: float
    source: str
    demo: bool = False
    mapped: bool = True
    baseline: str | None = None
    memory: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know while the session goes on.

    Attributes:
        kind: ``warning`` (a device vanished, the worker falls behind) or ``info`` (it is back).
        text: one line.
    """

    kind: Literal["info", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """How a session ended.

    Attributes:
        reason: ``eof``, ``interrupted`` by the user, or ``error``.
        duration: seconds of audio taken.
        estimates: estimates made.
        dropped_blocks: blocks of audio lost because the program was too slow or the device overflowed.
        compute_ms_p50: median time of one update in milliseconds, None without any.
        compute_ms_p95: its 95th percentile.
        rtf: compute time over audio time, None without audio.
    """

    reason: EndReason
    duration: float
    estimates: int
    dropped_blocks: int
    compute_ms_p50: float | None
    compute_ms_p95: float | None
    rtf: float | None
