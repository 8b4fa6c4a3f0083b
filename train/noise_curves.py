"""Robustness curves: the figures of a model at falling signal-to-noise ratios, one curve for each kind of noise.

Speech stays at the level of its recording; noise is scaled to it, by the root mean square of the speech where somebody
speaks over that of the whole stretch of noise (:func:`train.noise.mix_at_snr`). The stretch under an utterance depends
on the seed, the kind and the utterance's name alone, so the points of a curve differ by the ratio only, and curves of
different models by the model only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from edge_app.errors import ConfigurationError
from train.corpora import Utterance, read_utterance
from train.evaluation import NoiseCondition
from train.noise import NoiseSource, rms, speech_mask
from train.noise_kinds import heard_in_training

TYPE = "edge-ser noise curves"
CLEAN = "clean"
DEFAULT_SNRS = "clean,20,10,5,0,-5"
SNR_LIMIT = 60.0
"""Ratios beyond this many decibels, either way, are typing errors."""

POINT = ("n", "uar", "wa", "recall", "ccc", "interval", "confidence", "without_speech")
"""What a curve keeps of each evaluation."""

ONCE = (
    "model", "version", "variant", "corpus", "level", "vad", "labels", "utterances", "reference", "trained_on_corpus",
    "baseline",
)  # fmt: skip
"""What is the same at every point."""

MARGIN = 0.1
"""By how much UAR must be above that of guessing for a model's answers to be worth showing."""

Evaluate: TypeAlias = Callable[[NoiseCondition | None], dict[str, Any]]


def parse_snrs(text: str) -> tuple[float | None, ...]:
    """Read ratios in decibels with commas between; ``clean`` is None.

    Returns:
        From clean to the lowest, each once.

    Raises:
        ConfigurationError: one is no number, beyond 60 dB, or there twice.
    """
    ratios: list[float | None] = []
    for word in text.split(","):
        if word.strip() == CLEAN:
            ratios.append(None)
            continue
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not abs(value) <= SNR_LIMIT:
            raise ConfigurationError(
                f"--snr {text}: {word.strip()!r} is no ratio; give decibels between {-SNR_LIMIT:g} and {SNR_LIMIT:g}, "
                f"or {CLEAN}, with commas between"
            )
        ratios.append(value)
    if len(set(ratios)) < len(ratios):
        raise ConfigurationError(f"--snr {text}: names a ratio twice")
    return tuple(sorted(ratios, key=lambda ratio: -math.inf if ratio is None else -ratio))


def measure_curves(
    evaluate: Evaluate, sources: Sequence[NoiseSource], ratios: Sequence[float | None], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Evaluate under every kind of noise at every ratio, clean speech once for all.

    Args:
        evaluate: gives the figures of a condition, as :func:`train.evaluation.evaluate` does.
        sources: the kinds.
        ratios: in decibels, None for clean speech.
        manifest: of the bundle, which says what noise its training mixed in.

    Returns:
        What JSON can hold: ``type``; what is the same at every point; ``chance``, the UAR of guessing; ``curves``: for
        each kind ``heard_in_training`` and ``points``, each with ``snr_db`` (null for clean speech) and its figures.
    """
    once: dict[str, Any] = {}
    clean: dict[str, Any] | None = None
    curves: dict[str, Any] = {}
    for source in sources:
        points = []
        for ratio in ratios:
            if ratio is None:
                found = clean = clean or evaluate(None)
            else:
                found = evaluate(NoiseCondition(source, ratio))
            once = once or {key: found[key] for key in ONCE if key in found}
            points.append({"snr_db": ratio, **{key: found[key] for key in POINT}})
        curves[source.name] = {"heard_in_training": heard_in_training(source, manifest), "points": points}
    return {"type": TYPE, **once, "chance": round(1 / len(once["labels"]), 4), "curves": curves}


def speech_level(utterances: Sequence[Utterance]) -> float:
    """Median over utterances of the level where somebody speaks, dBFS: what the noise was scaled to."""
    levels = []
    for utterance in utterances:
        samples = read_utterance(utterance)
        levels.append(20 * math.log10(max(rms(samples[speech_mask(samples)]), 1e-10)))
    return round(float(np.median(levels)), 1)


def mean_curve(curves: Mapping[str, Any], figure: str = "uar") -> list[tuple[float | None, float]]:
    """The mean over the kinds of noise of a figure at each ratio, from clean to the lowest.

    Args:
        curves: ``curves`` of a report.
        figure: a key of the points.
    """
    values: dict[float | None, list[float]] = {}
    for curve in curves.values():
        for point in curve["points"]:
            if point[figure] is not None:
                values.setdefault(point["snr_db"], []).append(point[figure])
    return [(ratio, float(np.mean(found))) for ratio, found in values.items()]


def least_ratio(report: Mapping[str, Any]) -> float | None:
    """The ratio under which a model does not do better than guessing by ``MARGIN`` of UAR, mean over kinds of noise.

    Args:
        report: its curves.

    Returns:
        Decibels, interpolated between the ratios measured: the highest at which the mean curve comes down to that line.
        The highest ratio that was measured where even there it is below, None where it stays above.
    """
    bound = report["chance"] + MARGIN
    curve = [(ratio, uar) for ratio, uar in mean_curve(report["curves"]) if ratio is not None]
    above: tuple[float, float] | None = None
    for ratio, uar in sorted(curve, reverse=True):
        if uar <= bound:
            if above is None:
                return ratio
            return round(ratio + (above[0] - ratio) * (bound - uar) / (above[1] - uar), 1)
        above = ratio, uar
    return None
