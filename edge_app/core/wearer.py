"""The wearer's own baseline: the usual of whoever speaks, shrunk towards the bundle's while little of it is known.

Normalising by the speaker is worth more than most of a model (Busso, Mariooryad, Metallinou and Narayanan, "Iterative
feature normalization scheme for automatic emotion detection from speech", IEEE Trans. Affective Computing 4(4), 2013).
The mean comes from the wearer, the deviation stays the bundle's. After ``n`` seconds of speech the wearer's mean has
the weight ``n / (n + prior)``, at most ``limit``: the estimate of a mean whose prior is worth ``prior`` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats, Window, seconds
from edge_app.errors import ConfigurationError

DEFAULTS = ("none", "adaptive")

FARTHEST = 5.0
"""Deviations from the bundle's mean beyond which a feature counts as that far: functionals have wild outliers."""

LEAST_SPEECH = 0.5
"""A window counts from this much speech on: the bundle's own statistics are taken over such windows too."""


@dataclass(frozen=True, slots=True)
class WearerStatistics:
    """What is known about the features of somebody's speech.

    Attributes:
        digest: digest of the feature spec.
        window: samples in the windows they were taken over.
        seconds: seconds of speech.
        count: number of windows.
        mean: float32, shape (size,).
        variance: float32, shape (size,), not negative.
    """

    digest: str
    window: int
    seconds: float
    count: int
    mean: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How much weight the wearer's statistics get.

    Attributes:
        prior: seconds of speech after which the wearer's mean weighs one half, were there no limit.
        limit: the most it ever weighs.
    """

    prior: float
    limit: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.prior) and self.prior > 0):
            raise ConfigurationError(f"a baseline's prior is {self.prior} s; it must be a positive number of seconds")
        if not 0 <= self.limit <= 1:
            raise ConfigurationError(f"a baseline's limit is {self.limit}; it must lie between 0 and 1")

    def weight(self, heard: float) -> float:
        """The weight of a mean over so many seconds of speech, in [0, 1]."""
        return min(self.limit, heard / (heard + self.prior))


ADAPTIVE = Shrinkage(prior=120.0, limit=0.3)
ENROLLED = Shrinkage(prior=2.0)


@dataclass(frozen=True, slots=True)
class WearerSettings:
    """How a model takes a wearer's baseline.

    Attributes:
        default: ``none`` or ``adaptive``: what is used where nobody says otherwise.
        adaptive: weight of what is heard in a session, over the bundle's mean or over an enrolled one. Whoever stays
            in one mood makes it usual: the limit bounds what that can do.
        enrolled: weight of enrolled speech.
        ordinary: how much the features of ordinary speech lie above the bundle's mean, which was taken over all
            moods, shape (size,): an enrolled mean is of ordinary speech only. None where it was not measured.
    """

    default: str = "none"
    adaptive: Shrinkage = ADAPTIVE
    enrolled: Shrinkage = ENROLLED
    ordinary: Floats | None = None

    def __post_init__(self) -> None:
        if self.default not in DEFAULTS:
            raise ConfigurationError(f"a default baseline {self.default!r}; choose {' or '.join(DEFAULTS)}")


class HeardSpeech:
    """Mean and variance of the windows with speech in a stream, in constant memory.

    Windows overlap, so each weighs what it adds: the seconds since the last one that counted, times the fraction of
    the window that is speech. Every second of speech counts once, whatever the hop. The update is West's (CACM 22(9),
    1979), in double precision.

    Args:
        baseline: the bundle's statistics; a feature farther than ``FARTHEST`` deviations from its mean counts as that
            far.

    Attributes:
        seconds: seconds of speech so far.
        count: windows that counted.
    """

    def __init__(self, baseline: Baseline) -> None:
        self.seconds = 0.0
        self.count = 0
        self._until = 0
        self._low: Floats = baseline.mean - FARTHEST * baseline.deviation
        self._high: Floats = baseline.mean + FARTHEST * baseline.deviation
        self._mean: NDArray[np.float64] = np.zeros(len(baseline.mean))
        self._squares: NDArray[np.float64] = np.zeros(len(baseline.mean))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean, shape (size,); zeros before any speech."""
        return self._mean

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance over frames, or over windows where a window is one row of functionals, shape (size,)."""
        return self._squares / self.seconds if self.seconds else self._squares

    def hear(self, window: Window) -> bool:
        """Count a window if there is enough speech in it; return whether it counted. Ends must not go back."""
        fresh = seconds(window.end - max(window.start, self._until))
        if fresh <= 0 or window.speech < LEAST_SPEECH:
            return False
        self._until = window.end
        clipped = np.maximum(window.features, self._low)
        np.minimum(clipped, self._high, out=clipped)
        rows = clipped.reshape(-1, len(self._mean)).astype(np.float64)
        mean = rows.sum(axis=0) / len(rows)
        rows -= mean
        np.square(rows, out=rows)
        self.add(mean, rows.sum(axis=0) / len(rows), fresh * window.speech)
        return True

    def add(self, mean: NDArray[np.float64], variance: NDArray[np.float64], duration: float) -> None:
        """Count ``duration`` seconds of speech of this mean and variance, both shape (size,)."""
        total = self.seconds + duration
        shift = mean - self._mean
        self._mean = self._mean + shift * (duration / total)
        self._squares = self._squares + duration * variance + shift**2 * (self.seconds * duration / total)
        self.seconds = total
        self.count += 1

    def statistics(self, digest: str, window: int) -> WearerStatistics:
        """What was heard, of features with this digest in windows of so many samples."""
        return WearerStatistics(
            digest, window, self.seconds, self.count,
            self._mean.astype(np.float32), self.variance.astype(np.float32),
        )  # fmt: skip


def enrolled_baseline(bundle: Baseline, wearer: WearerStatistics, settings: WearerSettings) -> Baseline:
    """The bundle's baseline with the mean of a wearer's enrolled speech in it.

    Args:
        bundle: statistics of the training features.
        wearer: statistics of the same features over the wearer's ordinary speech.
        settings: how much they weigh, and how ordinary speech differs from all.
    """
    weight = settings.enrolled.weight(wearer.seconds)
    mean = wearer.mean if settings.ordinary is None else wearer.mean - settings.ordinary
    return replace(bundle, mean=_blend(bundle.mean, mean, weight), weight=weight)


class AdaptiveBaseline:
    """A stage that gets to know the wearer while they speak, and forgets them when it is reset.

    Each window is standardised by what was heard before it. Nothing depends on how audio is cut into blocks.

    Args:
        start: statistics to begin with: the bundle's, or those with an enrolled wearer's mean.
        shrinkage: how fast what is heard replaces them.
        bundle: the bundle's own statistics; None where ``start`` is that.
    """

    def __init__(self, start: Baseline, shrinkage: Shrinkage, bundle: Baseline | None = None) -> None:
        self._start = start
        self._bundle = bundle or start
        self._shrinkage = shrinkage
        self.reset()

    @property
    def weight(self) -> float:
        """How much of the mean is the wearer's own by now, in [0, 1]."""
        return self._now.weight

    @property
    def seconds(self) -> float:
        """Seconds of speech heard."""
        return self._heard.seconds

    def standardise(self, features: Floats) -> Floats:
        """Return ``(features - mean) / deviation`` by the present statistics, any shape (..., size)."""
        return self._now.standardise(features)

    def hear(self, window: Window) -> None:
        """Learn from a window, after it has been standardised. One with little speech changes nothing."""
        if not self._heard.hear(window):
            return
        start, weight = self._start, self._shrinkage.weight(self._heard.seconds)
        self._now = replace(
            start,
            mean=_blend(start.mean, self._heard.mean, weight),
            weight=1 - (1 - start.weight) * (1 - weight),
        )

    def reset(self) -> None:
        """Forget what was heard."""
        self._heard = HeardSpeech(self._bundle)
        self._now = self._start


def _blend(prior: Floats, wearer: Floats | NDArray[np.float64], weight: float) -> Floats:
    mixed: Floats = ((1 - weight) * prior.astype(np.float64) + weight * wearer.astype(np.float64)).astype(np.float32)
    return mixed
