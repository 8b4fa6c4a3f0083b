"""A Bayes filter over emotions that change now and then, to set beside the smoothing that listens on a device.

The forward algorithm of a hidden Markov chain whose states are the classes (Rabiner, Proc. IEEE 77(2), 1989). With a
constant rate of change it is the detector that Shiryaev (Theory of Probability and its Applications 8(1), 1963) shows
to have the least delay at a given rate of false alarms, if windows are independent given the emotion. Here they are
not: they overlap, and a model that is wrong about an utterance is wrong about most of its windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE

SMALLEST = 1e-4
"""Probability below which a window cannot speak against a class."""

PAUSE = 0.5
"""Seconds between two windows with speech, beyond the hop, from which there was a pause."""

LENGTH = 1.0
"""Seconds of a window: more than that is not heard at once."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """How the filter weighs what it hears.

    Attributes:
        evidence: weight of a second of audio; 1 takes each second for independent of the one before.
        rate: changes per second that it expects.
        at_pause: probability of a change at a pause, besides.
        margin: how much more probable another class must be before the label changes to it.
    """

    evidence: float
    rate: float
    at_pause: float = 0.0
    margin: float = 0.0


class ChangeFilter:
    """Probability of each class given all windows so far; to be used as :class:`edge_app.core.smoothing.Smoother`.

    Args:
        settings: evidence, rates and margin.
        hop: seconds between windows.
    """

    def __init__(self, settings: FilterSettings, hop: float) -> None:
        self.settings = settings
        self._hop = hop
        self._belief: NDArray[np.float64] | None = None
        self._label = 0
        self._last = 0

    def update(self, values: NDArray[np.float64], classes: int, end: int) -> tuple[NDArray[np.float64], int]:
        """Take the probabilities of the newest window with speech.

        Args:
            values: shape (classes,), from a model to which all classes are equally probable beforehand.
            classes: how many there are.
            end: where the window ends, in samples.

        Returns:
            The probabilities given all that was heard, and the index of the label.
        """
        elapsed = LENGTH if self._belief is None else (end - self._last) / SAMPLE_RATE
        first = self._belief is None
        before = np.full(classes, 1 / classes) if self._belief is None else self._belief
        keep = math.exp(-self.settings.rate * elapsed * classes / (classes - 1))
        if elapsed - self._hop >= PAUSE:
            keep *= 1 - self.settings.at_pause
        weight = self.settings.evidence * min(elapsed, LENGTH)
        logarithm = np.log(keep * before + (1 - keep) / classes) + weight * np.log(np.maximum(values, SMALLEST))
        belief = np.exp(logarithm - logarithm.max())
        self._belief = belief = belief / belief.sum()
        self._last = end
        best = int(np.argmax(belief))
        if first or belief[best] > belief[self._label] + self.settings.margin:
            self._label = best
        return belief, self._label
