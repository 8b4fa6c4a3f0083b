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

LEAST_COVERAGE = 0.2
"""A model that hardly ever answers is of no use: a threshold that leaves fewer decisions is not chosen."""

WIDEST = 3.0
"""Temperatures are looked for between its exponentials, up and down."""

SMALLEST = 1e-9


def fit_temperature(probabilities: Doubles, truth: Integers, group: Integers) -> float:
    """The temperature that makes probabilities most honest, by their log-likelihood (Guo et al., ICML 2017).

    Args:
        probabilities: shape (n, classes).
        truth: class of each row, shape (n,).
        group: what each row belongs to, shape (n,); all groups weigh the same.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST))
    _, index, count = np.unique(group, return_inverse=True, return_counts=True)
    weight = 1.0 / count[index]

    def loss(logarithm: float) -> float:
        found: Doubles = log_softmax(logits / np.exp(logarithm), axis=1)
        return -float(np.average(found[np.arange(len(truth)), truth], weights=weight))

    return float(np.exp(minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded").x))


def cooled(probabilities: Doubles, temperature: Doubles | float) -> Doubles:
    """Probabilities whose logits were divided by a temperature, or one for each row, shape (n, 1)."""
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
        ``temperature`` over all folds; ``folds``: for each its ``temperature``, that of the others, and its ``ece``
        with it; ``ece`` over all decisions and ``ece_before``, without any temperature; ``points`` of risk and coverage
        with the temperatures of the others; ``threshold`` chosen from them and the ``tolerated`` risk.
    """
    temperatures = np.ones((len(truth), 1))
    found: dict[str, dict[str, float]] = {}
    for number, name in enumerate(names):
        mine = fold == number
        others = fit_temperature(probabilities[~mine], truth[~mine], fold[~mine])
        temperatures[mine] = others
        calibrated = cooled(probabilities[mine], others)
        error = calibration_error(calibrated.max(axis=1), calibrated.argmax(axis=1) == truth[mine])
        found[name] = {"temperature": round(others, 4), "ece": round(error, 4)}
    calibrated = cooled(probabilities, temperatures)
    confidence, right = calibrated.max(axis=1), calibrated.argmax(axis=1) == truth
    points = risk_coverage(confidence, right)
    return {
        "temperature": round(fit_temperature(probabilities, truth, fold), 4),
        "folds": found,
        "ece": round(calibration_error(confidence, right), 4),
        "ece_before": round(calibration_error(probabilities.max(axis=1), right), 4),
        "points": points,
        "threshold": choose_threshold(points),
        "tolerated": TOLERATED,
    }
