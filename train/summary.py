"""From decisions beside the truth to the figures that are reported, each with its interval over speakers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.bootstrap import COVERAGE, DRAWS, interval, resample, speaker_weights
from train.metrics import (
    Doubles,
    Integers,
    calibration_error,
    concordance,
    confusion,
    moments,
    recall,
    unweighted_average_recall,
    weighted_accuracy,
)

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a model said beside what was true, one row for each utterance or window.

    Attributes:
        labels: the classes.
        dimension_names: the dimensions, empty where the model has none.
        speakers: who speaks, length n.
        truth: class indices, shape (n,); -1 for a row that counts for the dimensions only.
        probabilities: shape (n, classes), rows sum to 1.
        reference: true dimensions, shape (n, dimensions); NaN where they are not known.
        dimensions: estimated dimensions, same shape.
    """

    labels: tuple[str, ...]
    dimension_names: tuple[str, ...]
    speakers: Sequence[str]
    truth: Integers
    probabilities: Doubles
    reference: Doubles
    dimensions: Doubles


def summarise(decisions: Decisions, *, seed: int = 0) -> dict[str, Any]:
    """Compute all figures.

    Args:
        decisions: at least one row.
        seed: of the bootstrap.

    Returns:
        What JSON can hold, fractions rounded to four digits, None for what is not defined:
        ``labels``; ``uar``; ``wa``; ``recall``, ``support`` by label; ``confusion`` (rows are the truth); ``ccc`` by
        dimension, or None where the model has none; ``ece``; ``confidence``, the mean; ``interval`` with the same
        names (``uar``, ``wa``, ``ccc``), each [low, high]; ``bootstrap``, how those were made.
    """
    speakers, membership = np.unique(np.asarray(decisions.speakers), return_inverse=True)
    classes = len(decisions.labels)
    predicted = decisions.probabilities.argmax(axis=1)
    labelled = decisions.truth >= 0
    rows = [membership == index for index in range(len(speakers))]
    matrices = np.stack(
        [confusion(decisions.truth[row & labelled], predicted[row & labelled], classes) for row in rows]
    )
    sums = np.stack([moments(decisions.reference[row], decisions.dimensions[row]).T for row in rows])
    whole, recalls = matrices.sum(axis=0), recall(matrices.sum(axis=0))
    confidence = decisions.probabilities.max(axis=1)[labelled]
    right = (predicted == decisions.truth)[labelled]

    weights = speaker_weights(len(speakers), seed=seed) if len(speakers) > 1 else None

    def limits(statistics: Doubles, figure: Callable[[Doubles], Doubles]) -> list[float] | None:
        found = None if weights is None else interval(figure(resample(statistics, weights)))
        return None if found is None else [round(value, DIGITS) for value in found]

    names = decisions.dimension_names
    bootstrap: dict[str, Any] = {
        "over": "speakers", "speakers": len(speakers), "draws": DRAWS, "coverage": COVERAGE, "seed": seed,
    }  # fmt: skip
    if weights is None:
        bootstrap["note"] = "one speaker only: no interval over speakers"
    return {
        "labels": list(decisions.labels),
        "uar": _figure(unweighted_average_recall(whole)),
        "wa": _figure(weighted_accuracy(whole)),
        "recall": {label: _figure(value) for label, value in zip(decisions.labels, recalls, strict=True)},
        "support": {label: int(n) for label, n in zip(decisions.labels, whole.sum(axis=1), strict=True)},
        "confusion": whole.astype(int).tolist(),
        "ccc": {name: _figure(concordance(sums[:, at].sum(axis=0))) for at, name in enumerate(names)} or None,
        "ece": round(calibration_error(confidence, right), DIGITS) if len(confidence) else None,
        "confidence": _figure(confidence.mean()) if len(confidence) else None,
        "interval": {
            "uar": limits(matrices, unweighted_average_recall),
            "wa": limits(matrices, weighted_accuracy),
            "ccc": {name: limits(sums[:, at], concordance) for at, name in enumerate(names)} or None,
        },
        "bootstrap": bootstrap,
    }


def _figure(value: Any) -> float | None:
    return None if math.isnan(value) else round(float(value), DIGITS)
