"""How the labels that were shown follow what is true of a clip: changes, delays, and what was never shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from edge_app.bench.timeline import Mood, Stretch
from edge_app.core.types import Estimate, seconds


@dataclass(frozen=True, slots=True)
class Shown:
    """An estimate as it came out.

    Attributes:
        estimate: what it says.
        latency: seconds from its window's last sample to it.
    """

    estimate: Estimate
    latency: float

    @property
    def at(self) -> float:
        """Seconds of the clip at which it was there to be seen."""
        return seconds(self.estimate.end) + self.latency


@dataclass(frozen=True, slots=True)
class Followed:
    """How the label took true changes of the emotion.

    Attributes:
        delays: seconds from each change to the label's change to the new emotion, where it came before the next one.
        waits: seconds of each change at which the new emotion was not shown yet: the delay, none where it was shown
            already, and as long as it lasted where it never was. Unlike the delays they cannot be made shorter by
            following only what is easy.
        already: how many changes came when the label was the new one already.
        missed: how many were never shown.
    """

    delays: tuple[float, ...]
    waits: tuple[float, ...]
    already: int
    missed: int


def label_changes(shown: Sequence[Shown]) -> int:
    """How often a label gave way to another; none (no speech, uncertain) in between does not count."""
    labels = [each.estimate.label for each in shown if each.estimate.label is not None]
    return sum(earlier != later for earlier, later in pairwise(labels))


def follow(shown: Sequence[Shown], truth: Sequence[Mood], labels: Sequence[str]) -> Followed:
    """How long the label takes to follow true changes.

    Args:
        shown: the estimates.
        truth: the true emotions in turn; a change is where the new one is first heard, after any pause.
        labels: what the model can show; changes to anything else are left out.
    """
    labelled = [(each.at, each.estimate.label) for each in shown if each.estimate.label is not None]
    times = [at for at, _ in labelled]
    delays: list[float] = []
    waits: list[float] = []
    already = missed = 0
    for mood in truth[1:]:
        if mood.emotion not in labels:
            continue
        begin, stop = (int(np.searchsorted(times, time, side="right")) for time in (mood.start, mood.end))
        if begin and labelled[begin - 1][1] == mood.emotion:
            already += 1
            waits.append(0.0)
            continue
        first = next((at for at, label in labelled[begin:stop] if label == mood.emotion), None)
        if first is None:
            missed += 1
            waits.append(mood.end - mood.start)
        else:
            delays.append(first - mood.start)
            waits.append(first - mood.start)
    return Followed(tuple(delays), tuple(waits), already, missed)


def emotion_at(timeline: Sequence[Stretch], estimate: Estimate) -> str:
    """What is true in the middle of an estimate's window: an emotion, or a pause."""
    ends = [stretch.end for stretch in timeline]
    middle = seconds(estimate.start + estimate.end) / 2
    return timeline[min(int(np.searchsorted(ends, middle, side="right")), len(timeline) - 1)].emotion


def agreement(shown: Sequence[Shown], timeline: Sequence[Stretch], labels: Sequence[str]) -> tuple[int, int]:
    """How many labels are those of the middle of their window, and how many have an emotion there that can be shown."""
    right = total = 0
    for each in shown:
        truth = emotion_at(timeline, each.estimate)
        if each.estimate.label is not None and truth in labels:
            total += 1
            right += each.estimate.label == truth
    return right, total
