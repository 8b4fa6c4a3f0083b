"""The baseline: what a feature usually is, so that a model sees how far it is from usual.

Every window is standardised, ``(x - mean) / deviation`` per band, by statistics that come with the bundle (from its
training windows) and can become the wearer's (:mod:`edge_app.core.wearer`). Training runs this same stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import Floats, Window

SMALLEST_DEVIATION = 1e-3


class BaselineStage(Protocol):
    """What standardises the windows of a stream."""

    @property
    def weight(self) -> float:
        """How much of the mean is the wearer's own by now, in [0, 1]."""
        ...

    def standardise(self, features: Floats) -> Floats:
        """Return ``(features - mean) / deviation`` by the present statistics, any shape (..., dimension)."""
        ...

    def hear(self, window: Window) -> None:
        """Learn from a window, after it has been standardised."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


@dataclass(frozen=True, slots=True)
class Baseline:
    """Statistics of a feature set over many frames: a stage that stays as it is.

    Attributes:
        digest: digest of the feature spec they belong to.
        count: number of frames they were taken over.
        mean: float32, shape (dimension,).
        deviation: float32, shape (dimension,), positive.
        weight: how much of the mean is a wearer's own, in [0, 1].
    """

    digest: str
    count: int
    mean: Floats
    deviation: Floats
    weight: float = 0.0

    def standardise(self, features: Floats) -> Floats:
        """Return ``(features - mean) / deviation``, any shape (..., dimension)."""
        standardised: Floats = features - self.mean
        standardised /= self.deviation
        return standardised

    def hear(self, window: Window) -> None:
        """Change nothing."""

    def reset(self) -> None:
        """There is nothing to forget."""


class BaselineAccumulator:
    """Mean and deviation over frames that arrive in pieces (Chan, Golub and LeVeque's pairwise update)."""

    def __init__(self, dimension: int) -> None:
        self._count = 0
        self._mean: NDArray[np.float64] = np.zeros(dimension)
        self._squares: NDArray[np.float64] = np.zeros(dimension)

    def add(self, frames: Floats) -> None:
        """Take more frames, shape (n, dimension)."""
        if len(frames) == 0:
            return
        values = frames.astype(np.float64)
        mean = values.mean(axis=0)
        squares = ((values - mean) ** 2).sum(axis=0)
        shift = mean - self._mean
        total = self._count + len(values)
        self._mean += shift * len(values) / total
        self._squares += squares + shift**2 * self._count * len(values) / total
        self._count = total

    def baseline(self, digest: str) -> Baseline:
        """The statistics so far; a deviation too small to divide by is raised to ``SMALLEST_DEVIATION``."""
        deviation = np.sqrt(self._squares / max(self._count, 1))
        return Baseline(
            digest=digest,
            count=self._count,
            mean=self._mean.astype(np.float32),
            deviation=np.maximum(deviation, SMALLEST_DEVIATION).astype(np.float32),
        )
