"""What runs a model: one protocol, one file per engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import Floats


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
    """A loaded model."""

    def predict(self, features: Floats) -> Prediction:
        """Estimate from standardised features, float32, shape (windows, frames, dimension)."""
        ...
