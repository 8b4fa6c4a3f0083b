"""Mean and deviation over a window of each band of :class:`~edge_app.core.features.logmel.LogMel`."""

from __future__ import annotations

import numpy as np

from edge_app.core.features.logmel import LogMel
from edge_app.core.types import Floats


class LogMelStatistics(LogMel):
    """Frames as those of ``LogMel``, summarised as functionals: all means, then all deviations, in decibels."""

    kind = "logmel-statistics"

    def __init__(
        self, bands: int = 128, frame_length: int = 512, frame_hop: int = 256, low: float = 0.0, high: float = 8000.0
    ) -> None:
        super().__init__(bands, frame_length, frame_hop, low, high)
        self.size = 2 * bands

    def summarise(self, frames: Floats, count: int) -> Floats:
        """Arithmetic mean and standard deviation (of the population) of each band, shape (2 * bands,)."""
        exact = frames.astype(np.float64)
        return np.concatenate((exact.mean(axis=0), exact.std(axis=0))).astype(np.float32)
