"""What a smoothing is worth: a clip is heard once without it, then smoothed in many ways against its timeline.

What follows a model does not depend on what was heard, so a sweep costs one pass of the model over each clip. Clips are
grouped: those of a group were heard by one model, or by models of one kind, and settings are chosen on other groups
than they are judged on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_app.app import open_pipeline
from edge_app.audio.file import FileSource
from edge_app.bench.following import Followed, Shown, agreement, emotion_at, follow, label_changes
from edge_app.bench.timeline import TOLERANCE, Stretch, moods, read_timeline
from edge_app.bundle import load_bundle
from edge_app.core.smoothing import SMOOTHING_OFF, Smoother, SmoothingSettings
from edge_app.core.types import AudioBlock, Estimate, State, seconds
from edge_app.errors import ConfigurationError
from edge_app.settings import PipelineSettings
from train.change_filter import ChangeFilter, FilterSettings
from train.metrics import calibration_error

RATIO = 1.3
"""Changes of the label for each true one that a choice may have."""

ALIKE = 1.02
"""Waits up to so many times the least count as the least: two in a hundred are less than clips differ by."""

CONSTANTS = (0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5)
MARGINS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
FILTERS = tuple(
    FilterSettings(evidence, rate, at_pause, margin)
    for evidence in (1.0, 2.0, 3.0)
    for rate in (0.1, 0.5, 1.5)
    for at_pause in (0.0, 0.6)
    for margin in (0.0, 0.2)
)


class Follower(Protocol):
    """Takes windows in turn and says what is shown."""

    def update(self, values: NDArray[np.float64], classes: int, end: int) -> tuple[NDArray[np.float64], int]:
        """See :meth:`edge_app.core.smoothing.Smoother.update`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip as a model heard it.

    Attributes:
        estimates: one for each window, without smoothing.
        timeline: what is true.
        labels: the model's classes.
        min_confidence: its threshold of ``uncertain``.
        min_speech: share of a window that must be speech for the model to be asked.
        hop: seconds between windows.
    """

    estimates: tuple[Estimate, ...]
    timeline: tuple[Stretch, ...]
    labels: tuple[str, ...]
    min_confidence: float
    min_speech: float
    hop: float


def hear(model: str, clip: Path, vad: str = "webrtc") -> Heard:
    """Run a bundle over a clip; its timeline is the CSV file beside it.

    Raises:
        EdgeSerError: the bundle, the clip or its timeline cannot be used.
    """
    bundle = load_bundle(model)
    source = FileSource(clip)
    timeline = read_timeline(clip.with_suffix(".csv"))
    if abs(timeline[-1].end - source.duration) > TOLERANCE:
        raise ConfigurationError(
            f"{clip}: {source.duration:g} s long, but its timeline ends at {timeline[-1].end:g} s; record it again"
        )
    pipeline = open_pipeline(PipelineSettings(model=model, vad=vad, smoothing=SMOOTHING_OFF), bundle)
    estimates: list[Estimate] = []

    def take(block: AudioBlock) -> None:
        estimates.extend(pipeline.feed(block))

    source.run(take, threading.Event())
    estimates.extend(pipeline.flush())
    return Heard(
        tuple(estimates),
        tuple(timeline),
        bundle.labels,
        bundle.min_confidence,
        bundle.min_speech,
        seconds(bundle.window.hop),
    )


def smoothed(heard: Heard, follower: Follower, least: float | None = None) -> list[Shown]:
    """The estimates as they would have been shown, the moment their window was over.

    Args:
        heard: the clip.
        follower: a smoothing that has heard nothing yet.
        least: confidence below which there is no label; None takes the model's.
    """
    least = heard.min_confidence if least is None else least
    shown = []
    for estimate in heard.estimates:
        if estimate.scores:
            newest = np.array([estimate.scores[label] for label in heard.labels])
            values, best = follower.update(newest, len(heard.labels), estimate.end)
            confidence = float(values[best])
            spoken = estimate.reason != "noise" and confidence >= least
            state: State = "speech" if spoken else "uncertain"
            label = heard.labels[best] if spoken else None
            scores = dict(zip(heard.labels, map(float, values), strict=True))
            estimate = replace(estimate, state=state, label=label, confidence=confidence, scores=scores)
        shown.append(Shown(estimate, 0.0))
    return shown


def told_the_truth(heard: Heard, pauses: bool) -> Heard:
    """The clip as heard by a model that is never wrong: what is left is what windows and smoothing cost.

    Args:
        heard: the clip.
        pauses: voice activity is right, too; otherwise it stays as it was.

    Returns:
        Windows whose scores are the share that each emotion has in their speech; where voice activity heard speech
        and nobody spoke, all are equal.
    """
    estimates = []
    for estimate in heard.estimates:
        spoken = np.zeros(len(heard.labels))
        for stretch in heard.timeline:
            if stretch.emotion in heard.labels:
                common = min(stretch.end, seconds(estimate.end)) - max(stretch.start, seconds(estimate.start))
                spoken[heard.labels.index(stretch.emotion)] += max(common, 0.0)
        speech = float(spoken.sum())
        window = seconds(estimate.end - estimate.start)
        if speech >= heard.min_speech * window if pauses else bool(estimate.scores):
            scores = spoken / speech if speech else np.full(len(spoken), 1 / len(spoken))
            told = dict(zip(heard.labels, map(float, scores), strict=True))
            estimates.append(replace(estimate, state="speech", scores=told, reason=None))
        else:
            estimates.append(replace(estimate, state="no-speech", label=None, confidence=None, scores={}))
    return replace(heard, estimates=tuple(estimates))


def measure(clips: Sequence[Heard], make: Callable[[], Follower], least: float | None = None) -> dict[str, Any]:
    """How what is shown of some clips follows what is true.

    Args:
        clips: as they were heard, at least one.
        make: makes a smoothing that has heard nothing.
        least: see :func:`smoothed`.

    Returns:
        ``ratio``: changes of the label for each true one. ``delay``: quartiles of the time to those true changes that
        were followed, in seconds. ``wait``: mean time without the new emotion, over all true changes. ``missed`` and
        ``already``: shares of the true changes. ``agreement``: share of the labels that are true. ``shown``: share of
        the windows with speech, in which somebody speaks, that have a label. ``ece``: calibration error of the
        confidence of all those windows, labelled or not. Ratios are None where there is nothing to count.
    """
    changes = true_changes = right = total = 0
    took: list[Followed] = []
    said: list[tuple[float, bool]] = []
    for heard in clips:
        shown = smoothed(heard, make(), least)
        truth = moods(heard.timeline)
        changes += label_changes(shown)
        true_changes += max(len(truth) - 1, 0)
        took.append(follow(shown, truth, heard.labels))
        agreed, labelled = agreement(shown, heard.timeline, heard.labels)
        right, total = right + agreed, total + labelled
        said += _decisions(heard, shown)
    delays = [delay for each in took for delay in each.delays]
    waits = [wait for each in took for wait in each.waits]
    confidence, correct = np.array([value for value, _ in said]), np.array([true for _, true in said], dtype=np.bool_)
    return {
        "changes": changes,
        "true_changes": true_changes,
        "ratio": _share(changes, true_changes),
        "delay": [round(float(value), 3) for value in np.percentile(delays, (50, 25, 75))] if delays else None,
        "wait": _share(sum(waits), len(waits)),
        "already": _share(sum(each.already for each in took), len(waits)),
        "missed": _share(sum(each.missed for each in took), len(waits)),
        "agreement": _share(right, total),
        "shown": _share(total, len(said)),
        "ece": round(calibration_error(confidence, correct), 4) if said else None,
    }


def sweep(clips: Sequence[Heard]) -> dict[str, Any]:
    """All smoothings on a group of clips.

    Returns:
        ``shipped`` and ``off``; ``settings``, one row for each time constant and margin; ``filters``, which show as
        large a share of the windows as the shipped smoothing, so that no threshold that was made for means decides;
        ``floor``: the shipped smoothing of a model that is never wrong, with voice activity as it is, and right, too.

    Raises:
        ConfigurationError: the emotion never changes.
    """
    shipped = SmoothingSettings()
    found = measure(clips, partial(Smoother, shipped))
    if not found["true_changes"]:
        raise ConfigurationError("the emotion never changes in these clips; there is nothing to follow")
    means = [SmoothingSettings(constant, margin) for constant in CONSTANTS for margin in MARGINS]
    return {
        "shipped": _row(shipped, found),
        "off": _row(SMOOTHING_OFF, measure(clips, partial(Smoother, SMOOTHING_OFF))),
        "settings": [_row(each, measure(clips, partial(Smoother, each))) for each in means],
        "filters": [_row(each, _filtered(clips, each, found["shown"])) for each in FILTERS],
        "floor": {
            name: measure([told_the_truth(heard, pauses) for heard in clips], partial(Smoother, shipped))
            for name, pauses in (("as it is", False), ("right", True))
        },
    }


def choose(groups: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    """The row of a steady label with the shortest delays among those with the least wait.

    Steady is a label that in no group changes much more often than the emotion. As delays are shortened by missing what
    is hard, the wait comes first; but it is much the same for many settings.

    Args:
        groups: rows of each group, of the same settings in the same order.

    Returns:
        Its number; that of the steadiest row where none is steady.
    """

    def over_groups(value: Callable[[Mapping[str, Any]], float]) -> NDArray[np.float64]:
        return np.array([[value(row) for row in rows] for rows in groups])

    ratios = over_groups(lambda row: row["ratio"]).max(axis=0)
    steady = ratios <= RATIO
    if not steady.any():
        return int(ratios.argmin())
    waits = over_groups(lambda row: row["wait"]).mean(axis=0)
    delays = over_groups(lambda row: row["delay"][0] if row["delay"] else np.inf).mean(axis=0)
    alike = steady & (waits <= ALIKE * waits[steady].min())
    return int(np.where(alike, delays, np.inf).argmin())


def _decisions(heard: Heard, shown: Sequence[Shown]) -> list[tuple[float, bool]]:
    """Confidence of each window in which somebody speaks, labelled or not, and whether its class is right."""
    found = []
    for each in shown:
        confidence, scores = each.estimate.confidence, each.estimate.scores
        emotion = emotion_at(heard.timeline, each.estimate)
        if confidence is not None and emotion in heard.labels:
            found.append((confidence, scores[emotion] == confidence))
    return found


def _filtered(clips: Sequence[Heard], settings: FilterSettings, share: float) -> dict[str, Any]:
    decided = [_decisions(heard, smoothed(heard, ChangeFilter(settings, heard.hop), 0.0)) for heard in clips]
    confidence = [confidence for each in decided for confidence, _ in each]
    least = float(np.quantile(confidence, 1 - share))
    hop = clips[0].hop
    return {"least": round(least, 4), **measure(clips, lambda: ChangeFilter(settings, hop), least)}


def _row(settings: SmoothingSettings | FilterSettings, found: Mapping[str, Any]) -> dict[str, Any]:
    return {"smoothing": asdict(settings), **found}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
