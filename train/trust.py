"""How far a model's confidence can be trusted on strangers: its temperature, its calibration, what ``uncertain`` buys.

Validation speakers come from the corpora that trained, so a temperature fitted to them is too low for a corpus that did
not. A cross-validation tells more: what its nets said of the folds that they never met gives a temperature, and it is
judged without looking at the answer, the scores of each fold being divided by the temperature of all others.

Risk is the share of wrong labels among those that are shown, coverage the share of decisions that get one (El-Yaniv and
Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from train.metrics import Doubles, Integers, calibration_error

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
TOLERATED = 0.4
"""The risk that the threshold of ``uncertain`` aims at: of five labels shown, three are right."""

LEAST_COVERAGE = 0.7
"""A model that hardly ever answers is of no use: a threshold that leaves fewer decisions is not chosen."""

WIDEST = 3.0
"""Temperatures are looked for between its exponentials, up and down."""

SMALLEST = 1e-9


def fit_temperature(probabilities: Doubles, truth: Integers) -> float:
    """The temperature that makes probabilities most honest, by their log-likelihood (Guo et al., ICML 2017).

    Args:
        probabilities: shape (n, classes).
        truth: class of each row, shape (n,).
    """
    logits = np.log(np.maximum(probabilities, SMALLEST))

    def loss(logarithm: float) -> float:
        found: Doubles = log_softmax(logits / np.exp(logarithm), axis=1)
        return -float(found[np.arange(len(truth)), truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded").x))


def cooled(probabilities: Doubles, temperature: float) -> Doubles:
    """Probabilities whose logits were divided by a temperature, shape (n, classes)."""
    scores: Doubles = softmax(np.log(np.maximum(probabilities, SMALLEST)) / temperature, axis=1)
    return scores


def risk_coverage(confidence: Doubles, right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """What a threshold of confidence leaves and how much of it is wrong, at each of ``COVERAGES``.

    Args:
        confidence: of each decision, shape (n,), n > 0.
        right: whether it was right, shape (n,).

    Returns:
        ``threshold``, ``coverage`` and ``risk`` of each point; decisions of equal confidence are kept together.
    """
    falling = np.sort(confidence)[::-1]
    points = []
    for wanted in COVERAGES:
        threshold = float(falling[max(round(wanted * len(falling)), 1) - 1])
        shown = confidence >= threshold
        points.append(
            {
                "threshold": round(threshold, 4),
                "coverage": round(float(shown.mean()), 4),
                "risk": round(1 - float(right[shown].mean()), 4),
            }
        )
    return points


def choose_threshold(points: Sequence[dict[str, float]]) -> float:
    """The lowest threshold whose risk is tolerated; where none is, that of the least risk at enough coverage."""
    enough = [point for point in points if point["coverage"] >= LEAST_COVERAGE]
    tolerated = [point for point in enough if point["risk"] <= TOLERATED]
    chosen = tolerated[0] if tolerated else min(enough, key=lambda point: point["risk"])
    return chosen["threshold"]


def trust(probabilities: Doubles, truth: Integers, fold: Integers, names: Sequence[str]) -> dict[str, Any]:
    """Temperature, calibration and risk over the folds of a cross-validation.

    Args:
        probabilities: of each decision by a net that never met its fold, shape (n, classes).
        truth: class of each, shape (n,).
        fold: number of the fold of each, shape (n,).
        names: of the folds, two or more.

    Returns:
        ``temperature`` over all decisions, at least 1: they are of utterances, and the mean over the windows of one is
        right more often than it says, while a device shows windows; ``ece`` with it, and ``ece_before``, without any;
        ``folds``: for each its ``ece``, the temperature of the ``others``, and ``ece_others`` with that; ``points`` of
        risk and coverage; ``threshold`` chosen from them, the ``tolerated`` risk and the ``least_coverage``.
    """
    temperature = max(fit_temperature(probabilities, truth), 1.0)
    calibrated = cooled(probabilities, temperature)
    folds: dict[str, dict[str, float]] = {}
    for number, name in enumerate(names):
        mine = fold == number
        others = max(fit_temperature(probabilities[~mine], truth[~mine]), 1.0)
        folds[name] = {
            "ece": _error(calibrated[mine], truth[mine]),
            "others": round(others, 4),
            "ece_others": _error(cooled(probabilities[mine], others), truth[mine]),
        }
    points = risk_coverage(calibrated.max(axis=1), calibrated.argmax(axis=1) == truth)
    return {
        "temperature": round(temperature, 4),
        "ece": _error(calibrated, truth),
        "ece_before": _error(probabilities, truth),
        "folds": folds,
        "points": points,
        "threshold": choose_threshold(points),
        "tolerated": TOLERATED,
        "least_coverage": LEAST_COVERAGE,
    }


def _error(probabilities: Doubles, truth: Integers) -> float:
    right = probabilities.argmax(axis=1) == truth
    return round(calibration_error(probabilities.max(axis=1), right), 4)
