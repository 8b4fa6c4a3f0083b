"""From a probability per window to a steady display: a rolling mean over time, then a label that does not flicker."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How estimates are smoothed. The defaults were chosen on clips with timelines: docs/smoothing.md.

    Attributes:
        time_constant: seconds in which the weight of a window falls to 1/e; 0 turns smoothing off.
        margin: how much more probable another class must be before the label changes to it.
        forget_after: seconds without speech after which the past counts no more.
    """

    time_constant: float = 0.35
    margin: float = 0.25
    forget_after: float = 2.0

    def __post_init__(self) -> None:
        for name in ("time_constant", "margin", "forget_after"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigurationError(f"smoothing: {name} is {value}; it must be 0 or a positive number")


SMOOTHING_OFF = SmoothingSettings(time_constant=0.0, margin=0.0, forget_after=0.0)


class Smoother:
    """Exponential rolling mean of class probabilities and dimensions, with a label that needs a margin to change.

    Args:
        settings: time constant, margin and forgetting.
    """

    def __init__(self, settings: SmoothingSettings) -> None:
        self.settings = settings
        self._values: NDArray[np.float64] | None = None
        self._label: int | None = None
        self._last: int = 0

    def update(self, values: NDArray[np.float64], classes: int, end: int) -> tuple[NDArray[np.float64], int]:
        """Take the values of the newest window with speech.

        Args:
            values: shape (classes + dimensions,): probabilities, then dimensions.
            classes: how many of them are probabilities.
            end: where the window ends, in samples; the weight of the past follows from the time since the last one.

        Returns:
            The smoothed values and the index of the label.
        """
        elapsed = (end - self._last) / SAMPLE_RATE
        self._last = end
        constant = self.settings.time_constant
        if self._values is None or constant == 0 or elapsed > self.settings.forget_after:
            self._values = np.array(values, dtype=np.float64)
            self._label = None
        else:
            keep = math.exp(-elapsed / constant)
            self._values = keep * self._values + (1 - keep) * values
        scores = self._values[:classes]
        best = int(scores.argmax())
        if self._label is None or scores[best] > scores[self._label] + self.settings.margin:
            self._label = best
        return self._values, self._label

    def reset(self) -> None:
        """Forget the past."""
        self._values = None
        self._label = None
        self._last = 0
