"""Training meets the baseline stage as the device runs it: windows standardised by what was heard of their speaker.

For some windows a wearer is simulated: so many seconds of the speaker's other utterances were heard, of any label as a
session would, or neutral ones as enrolment would, and the mean over them is shrunk towards the training set's as the
device shrinks it. Whoever speaks through a room and a microphone is heard through them, too: what augmentation did to
a window is done to the mean that it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats, Window
from edge_app.core.wearer import HeardSpeech, WearerSettings
from train.config import BaselineConfig
from train.corpora import Utterance
from train.wearers import NEUTRAL

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpokenMeans:
    """What each utterance of a corpus would add to its speaker's baseline.

    Attributes:
        utterances: all of them.
        seconds: of speech, shape (utterances,).
        mean: of its features over that speech, shape (utterances, size); zeros where there is none.
    """

    utterances: Sequence[Utterance]
    seconds: Doubles
    mean: Doubles

    def over(self, numbers: NDArray[np.int64]) -> Doubles:
        """Mean over several utterances, weighted by their seconds, of which there must be some."""
        mean: Doubles = np.average(self.mean[numbers], axis=0, weights=self.seconds[numbers])
        return mean


def spoken_means(
    utterances: Sequence[Utterance], windows: Iterable[Sequence[Window]], baseline: Baseline
) -> SpokenMeans:
    """Let a fresh stage hear each utterance.

    Args:
        utterances: all of them.
        windows: the windows of each.
        baseline: statistics of the training windows.
    """
    heard = [HeardSpeech(baseline) for _ in utterances]
    for each, spoken in zip(heard, windows, strict=True):
        for window in spoken:
            each.hear(window)
    return SpokenMeans(
        utterances,
        np.array([each.seconds for each in heard]),
        np.array([each.mean for each in heard]).reshape(len(heard), len(baseline.mean)),
    )


def ordinary_speech(means: SpokenMeans, numbers: NDArray[np.int64]) -> Floats | None:
    """How far a speaker's neutral speech lies above their speech of all labels, mean over speakers, shape (size,).

    Args:
        means: of all utterances.
        numbers: those that train. All labels of a speaker weigh the same.

    Returns:
        None where nobody speaks neutrally and otherwise.
    """
    shifts = []
    for mine in _by_speaker(means, numbers).values():
        labels = np.array([str(means.utterances[number].label) for number in mine])
        usual = {label: means.over(mine[labels == label]) for label in sorted(set(labels))}
        if NEUTRAL in usual and len(usual) > 1:
            shifts.append(usual[NEUTRAL] - np.mean(list(usual.values()), axis=0))
    return np.mean(shifts, axis=0).astype(np.float32) if shifts else None


class SimulatedWearers:
    """Draws what the stage knew of a speaker when a training window came.

    Args:
        means: of all utterances.
        numbers: the utterances that train: nothing else is ever heard.
        baseline: statistics of the training windows.
        config: how often and how much is heard.
        settings: how the device weighs it. ``ordinary`` is measured here.

    Attributes:
        settings: the same with ``ordinary``.
    """

    def __init__(
        self,
        means: SpokenMeans,
        numbers: NDArray[np.int64],
        baseline: Baseline,
        config: BaselineConfig,
        settings: WearerSettings | None = None,
    ) -> None:
        settings = settings or WearerSettings(default=config.default)
        self.settings = replace(settings, ordinary=ordinary_speech(means, numbers))
        self._means = means
        self._baseline = baseline.mean.astype(np.float64)
        self._config = config
        self._spoken = _by_speaker(means, numbers)
        self._neutral = {
            speaker: np.array([number for number in mine if means.utterances[number].label == NEUTRAL], dtype=np.int64)
            for speaker, mine in self._spoken.items()
        }

    def draw(self, numbers: NDArray[np.int64], rng: np.random.Generator, channel: Floats | None = None) -> Floats:
        """The mean that the stage takes away from each window.

        Args:
            numbers: the utterance of each window, shape (n,).
            rng: where the chance comes from.
            channel: what augmentation added to each window on average, shape (n, size); None for nothing.

        Returns:
            Shape (n, size).
        """
        taken = np.tile(self._baseline, (len(numbers), 1))
        for row, number in enumerate(numbers):
            weight, mean = self._one(int(number), rng)
            if weight:
                heard = mean if channel is None else mean + channel[row]
                taken[row] = (1 - weight) * self._baseline + weight * heard
        return taken.astype(np.float32)

    def _one(self, number: int, rng: np.random.Generator) -> tuple[float, Doubles]:
        config, settings = self._config, self.settings
        simulated, enrolled = rng.random(2) < (config.share, config.enrolled)
        if not simulated:
            return 0.0, self._baseline
        wanted = float(np.exp(rng.uniform(np.log(config.shortest), np.log(config.longest))))
        speaker = self._means.utterances[number].speaker
        neutral = self._neutral.get(speaker, np.zeros(0, dtype=np.int64))
        neutral = neutral[neutral != number]
        enrolled = enrolled and len(neutral) > 0
        others = neutral if enrolled else self._spoken.get(speaker, neutral)
        seconds, mean = self._hear(others[others != number], wanted, rng)
        if not enrolled:
            return settings.adaptive.weight(seconds), mean
        if settings.ordinary is not None:
            mean = mean - settings.ordinary
        return settings.enrolled.weight(seconds), mean

    def _hear(self, numbers: NDArray[np.int64], wanted: float, rng: np.random.Generator) -> tuple[float, Doubles]:
        """Seconds and mean of utterances in random order, until there are as many seconds as wanted."""
        order = rng.permutation(numbers)
        seconds = self._means.seconds[order]
        before = np.cumsum(seconds) - seconds
        heard = np.clip(wanted - before, 0.0, seconds)
        total = float(heard.sum())
        return (total, heard @ self._means.mean[order] / total) if total > 0 else (0.0, self._baseline)


def wearer_entry(settings: WearerSettings) -> dict[str, Any]:
    """The settings as ``wearer`` in a run's record and in a bundle's manifest."""
    entry: dict[str, Any] = {
        "default": settings.default,
        "adaptive": {"prior": settings.adaptive.prior, "limit": settings.adaptive.limit},
        "enrolled": {"prior": settings.enrolled.prior, "limit": settings.enrolled.limit},
    }
    if settings.ordinary is not None:
        entry["ordinary"] = [float(str(np.float32(value))) for value in settings.ordinary]
    return entry


def _by_speaker(means: SpokenMeans, numbers: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The utterances with speech of each speaker."""
    spoken: dict[str, list[int]] = {}
    for number in numbers:
        if means.seconds[number] > 0:
            spoken.setdefault(means.utterances[number].speaker, []).append(int(number))
    return {speaker: np.array(spoken[speaker], dtype=np.int64) for speaker in sorted(spoken)}
