"""From trials to the figures of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from train.cpc.published import COLUMNS
from train.cpc.study import SETTINGS

UAR = "uar"
MEASURES = (*COLUMNS, UAR)


def collect(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and deviation over seeds of each setting, means over folds first, and what preCPC gains over Sup.

    Args:
        trials: from :func:`train.cpc.study.run_study`.

    Returns:
        What JSON can hold: ``settings``, by setting and measure ``mean``, ``deviation`` (None for one seed) and the
        mean of each fold; ``gain`` of preCPC over Sup by measure, pairs of the same seed: ``mean``, ``deviation``,
        and ``p`` of a paired t-test over seeds, None for one; and ``weights`` (a, b) by fold.
    """
    folds = list(dict.fromkeys(trial["fold"] for trial in trials))
    seeds = sorted({trial["seed"] for trial in trials})
    values = {
        setting: {measure: _table(trials, setting, measure, folds, seeds) for measure in MEASURES}
        for setting in SETTINGS
    }
    return {
        "settings": {
            setting: {
                measure: {
                    **_spread(table.mean(axis=0)),
                    "folds": dict(zip(folds, np.round(table.mean(axis=1), 4).tolist(), strict=True)),
                }
                for measure, table in found.items()
            }
            for setting, found in values.items()
        },
        "gain": {
            measure: _gain(values["preCPC"][measure].mean(axis=0), values["Sup"][measure].mean(axis=0))
            for measure in MEASURES
        },
        "weights": {trial["fold"]: trial["weights"] for trial in trials},
        "utterances": {trial["fold"]: trial["n"] for trial in trials},
        "seeds": seeds,
    }


def _table(
    trials: Sequence[dict[str, Any]], setting: str, measure: str, folds: Sequence[str], seeds: Sequence[int]
) -> NDArray[np.float64]:
    """A measure of a setting, shape (folds, seeds)."""
    found = {(t["fold"], t["seed"]): t for t in trials if t["setting"] == setting}
    return np.array([[_measure(found[fold, seed], measure) for seed in seeds] for fold in folds])


def _measure(trial: dict[str, Any], measure: str) -> float:
    if measure == UAR:
        return float(trial["uar"])
    ccc = [float(value) for value in trial["ccc"]]
    return float(np.mean(ccc)) if measure == "average" else ccc[COLUMNS.index(measure) - 1]


def _spread(over_seeds: NDArray[np.float64]) -> dict[str, float | None]:
    deviation = round(float(over_seeds.std(ddof=1)), 4) if len(over_seeds) > 1 else None
    return {"mean": round(float(over_seeds.mean()), 4), "deviation": deviation}


def _gain(one: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float | None]:
    tested = len(one) > 1 and float((one - other).std()) > 0
    p = float(f"{stats.ttest_rel(one, other).pvalue:.2g}") if tested else None
    return {**_spread(one - other), "p": p}
