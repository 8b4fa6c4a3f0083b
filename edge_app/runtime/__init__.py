"""What runs a model: one protocol, one file per engine.

A predictor follows a stream: it is given its part of every window, in order. One without a state reads each window
whole (:class:`WindowPredictor`); one with a state reads the frames that are new, and remembers the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import Floats, Window


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about a batch of windows.

    Attributes:
        probabilities: float64, shape (windows, classes), each row sums to 1.
        dimensions: float64, shape (windows, dimensions), in [-1, 1]; zero columns where the model has none.
    """

    probabilities: NDArray[np.float64]
    dimensions: NDArray[np.float64]


class Predictor(Protocol):
    """A loaded model that follows a stream."""

    def part(self, window: Window) -> Floats:
        """What it reads of a window: all its features, or the frames that are new, not yet standardised."""
        ...

    def predict(self, features: Floats) -> Prediction:
        """Estimate from the standardised part of the next window, float32, shape (1, ...)."""
        ...

    def skip(self, features: Floats) -> None:
        """Take the part of a window that nobody wants an estimate of, because there is no speech in it."""
        ...

    def follow(self, parts: Sequence[Floats]) -> Prediction:
        """Estimate from the parts of all windows of a recording, at least one, starting afresh."""
        ...

    def reset(self) -> None:
        """Start afresh, as if nothing had been heard."""
        ...


class WindowPredictor(Predictor):
    """What models without a state have in common: each window is read whole, and several at once."""

    def part(self, window: Window) -> Floats:
        """The window's features."""
        return window.features

    def skip(self, features: Floats) -> None:
        """Remember nothing."""

    def follow(self, parts: Sequence[Floats]) -> Prediction:
        """See :class:`Predictor`."""
        return self.predict(np.stack(parts))

    def reset(self) -> None:
        """There is nothing to forget."""
