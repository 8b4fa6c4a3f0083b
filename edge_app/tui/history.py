"""The last minute of one dimension, in constant memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from edge_app.core.types import SAMPLE_RATE

SPAN = 60
"""Seconds that the history holds."""


def capacity(hop: float) -> int:
    """Count the estimates in one span, given the seconds between them."""
    return math.ceil(SPAN / hop) + 1


class Point(NamedTuple):
    """A value in [-1, 1] at a time in samples, or None where nothing is claimed."""

    time: int
    value: float | None


class History:
    """A ring of points.

    Args:
        hop: seconds between estimates.
    """

    def __init__(self, hop: float) -> None:
        self._points: deque[Point] = deque(maxlen=capacity(hop))

    def append(self, time: int, value: float | None) -> None:
        """Add a point, dropping the oldest where the span is full."""
        self._points.append(Point(time, value))

    def recent(self) -> Iterator[tuple[float, float | None]]:
        """Yield (seconds before the newest point, value), oldest first, no older than the span."""
        if not self._points:
            return
        now = self._points[-1].time
        for time, value in self._points:
            age = (now - time) / SAMPLE_RATE
            if age <= SPAN:
                yield age, value

    @property
    def newest(self) -> float | None:
        """The newest value; None where nothing is claimed or known yet."""
        return self._points[-1].value if self._points else None
