"""Percentiles of update times in constant memory, however long the session."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHORTEST = 1e-6
LONGEST = 100.0
RATIO = 1.02
BINS = math.ceil(math.log(LONGEST / SHORTEST) / math.log(RATIO)) + 1


class LatencyHistogram:
    """Counts of times in bins that each span 2 %, from 1 µs to 100 s; times beyond fall into the outermost bins.

    Attributes:
        count: times added.
        total: their sum in seconds.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._bins: NDArray[np.int64] = np.zeros(BINS, dtype=np.int64)

    def add(self, seconds: float) -> None:
        """Count one time."""
        place = int(math.log(max(seconds, SHORTEST) / SHORTEST) / math.log(RATIO))
        self._bins[min(place, BINS - 1)] += 1
        self.count += 1
        self.total += seconds

    def percentile(self, percent: float) -> float | None:
        """The time that ``percent`` of all times do not exceed, in seconds, within 1 %; None without any."""
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self._bins), max(1.0, self.count * percent / 100)))
        return float(SHORTEST * RATIO ** (min(place, BINS - 1) + 0.5))
