"""From several channels to one: their mean, or one of them, and a word where the mean leaves nothing."""

from __future__ import annotations

import numpy as np

from edge_app.core.types import Floats

CANCELLED = 10 ** (-20 / 10)
"""Power of the mean over that of the channels below which they count as cancelling each other: -20 dB."""

SILENT = 10 ** (-60 / 10)
"""Power of full scale below which the channels count as silent: -60 dBFS."""

SECONDS = 1.0
"""Sound that is judged at once."""

ADVICE = "cancel each other in places when mixed (one is the inverse of another): next to nothing is heard there"
REMEDY = "--channel 1 of listen and analyze takes one of them alone"


class Mixdown:
    """Mixes channels down to their mean.

    Args:
        rate: sampling rate in hertz.
        channel: the channel that is heard alone, counted from 1; None hears the mean of all.
    """

    def __init__(self, rate: int, channel: int | None = None) -> None:
        self._channel = channel
        self._long = round(SECONDS * rate)
        self._told = False
        self._heard = 0
        self._mixed = self._apart = 0.0

    def feed(self, frames: Floats) -> Floats:
        """Take the next samples, float32, shape (n, channels); return one channel, float32, shape (n,)."""
        if self._channel is not None:
            return frames[:, self._channel - 1]
        if frames.shape[1] == 1:
            return frames[:, 0]
        mono: Floats = frames.mean(axis=1)
        self._watch(frames, mono)
        return mono

    def cancels(self) -> bool:
        """Whether a second of sound has been lost in the mean; true once only."""
        if self._told or self._heard < self._long:
            return False
        self._told = self._mixed < CANCELLED * self._apart
        self._heard, self._mixed, self._apart = 0, 0.0, 0.0
        return self._told

    def _watch(self, frames: Floats, mono: Floats) -> None:
        if self._told or not len(mono):
            return
        apart = float(np.mean(np.square(frames, dtype=np.float64)))
        if apart >= SILENT:
            self._heard += len(mono)
            self._apart += apart * len(mono)
            self._mixed += float(np.sum(np.square(mono, dtype=np.float64)))
