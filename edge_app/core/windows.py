"""From frames to windows: fixed stretches of audio, one every hop, assembled from frames computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.errors import ConfigurationError

SHORTEST_HOP = SAMPLE_RATE // 10
LONGEST_HOP = SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How audio is cut into windows.

    Attributes:
        length: samples in a window.
        hop: samples between the ends of two windows.
    """

    length: int = SAMPLE_RATE
    hop: int = SAMPLE_RATE // 4

    def __post_init__(self) -> None:
        if not SHORTEST_HOP <= self.hop <= LONGEST_HOP:
            raise ConfigurationError(f"hop is {self.hop / SAMPLE_RATE:g} s; choose between 0.1 and 1.0 s")
        if self.length < self.hop:
            raise ConfigurationError(
                f"window of {self.length / SAMPLE_RATE:g} s is shorter than the hop of {self.hop / SAMPLE_RATE:g} s"
            )


class FrameHistory:
    """The newest frames of a stream, addressed by their number since the stream began. Memory is constant.

    Args:
        capacity: how many frames are kept at least.
        dimension: numbers in a frame.
    """

    def __init__(self, capacity: int, dimension: int) -> None:
        self._capacity = capacity
        self._store = np.zeros((2 * capacity, dimension), dtype=np.float32)
        self._filled = 0
        self.count = 0

    def append(self, frames: Floats) -> None:
        """Add frames, shape (n, dimension)."""
        self.count += len(frames)
        frames = frames[-self._capacity :]
        if self._filled + len(frames) > len(self._store):
            kept = min(self._filled, self._capacity)
            self._store[:kept] = self._store[self._filled - kept : self._filled].copy()
            self._filled = kept
        self._store[self._filled : self._filled + len(frames)] = frames
        self._filled += len(frames)

    def between(self, first: int, stop: int) -> Floats:
        """Copy the frames numbered ``first`` to ``stop - 1``, as far as they are still kept, shape (n, dimension)."""
        oldest = self.count - self._filled
        return self._store[: self._filled][max(first - oldest, 0) : max(stop - oldest, 0)].copy()

    def clear(self) -> None:
        """Start again from frame 0."""
        self._filled = 0
        self.count = 0
