"""From trials to figures: means over trials, intervals over speakers, differences between nets in pairs.

Trials differ in weights and draws and judge the same speakers, so a test over trials says whether a difference is one
of the nets and not of their weights, as the paper's does; an interval from resampling speakers says how far it may be
another with other people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edge_app.core.labels import DIMENSIONS
from train.bootstrap import interval, resample, speaker_weights
from train.dln.experiment import ADAPTED, CONDITIONS, DECOUPLED, DENSE, LADDER, NETS, Result
from train.metrics import concordance, unweighted_average_recall

Doubles = NDArray[np.float64]

UAR = "uar"
MEASURES = (*DIMENSIONS, UAR)
NOISE = "noise"
"""The mean over the noisy conditions."""

PAIRS = ((DECOUPLED, DENSE), (DECOUPLED, ADAPTED), (DECOUPLED, LADDER), (LADDER, DENSE))


def collect(trials: Sequence[Sequence[Result]]) -> dict[str, Any]:
    """The figures of all trials.

    Args:
        trials: results of each, all of the same nets, conditions and speakers.

    Returns:
        ``means`` by net, measure and condition: ``mean`` over trials, ``deviation`` between them and ``interval`` over
        speakers; ``differences`` by pair, measure and condition: the same, with ``p`` of a paired t-test over trials;
        and ``analysis`` of the decoupled ladder by condition and name, mean over trials.
    """
    found: dict[tuple[str, str], list[Result]] = {(result.net, result.condition): [] for result in trials[0]}
    for results in trials:
        for result in results:
            found[result.net, result.condition].append(result)
    values: dict[tuple[str, str, str], tuple[Doubles, Doubles]] = {}
    for (net, condition), each in found.items():
        for measure, pair in _measured(each).items():
            values[net, measure, condition] = pair
    for net in NETS:
        for measure in MEASURES:
            noisy = [values[net, measure, c] for c in CONDITIONS[1:] if (net, measure, c) in values]
            if noisy:
                over_trials, over_draws = (np.mean([pair[side] for pair in noisy], axis=0) for side in range(2))
                values[net, measure, NOISE] = over_trials, over_draws
    return {
        "means": _tree({key: _figure(*pair) for key, pair in values.items()}),
        "differences": _tree(
            {
                (f"{one} - {other}", measure, condition): _difference(
                    values[one, measure, condition], values[other, measure, condition]
                )
                for one, other in PAIRS
                for net, measure, condition in values
                if net == one
            }
        ),
        "analysis": _tree(
            {
                (condition, name): np.round(np.mean([r.analysis[name] for r in each], axis=0), 4).tolist()
                for (net, condition), each in found.items()
                if net == DECOUPLED
                for name in each[0].analysis
            }
        ),
    }


def _measured(results: Sequence[Result]) -> dict[str, tuple[Doubles, Doubles]]:
    """Every measure in each trial, shape (trials,), and its mean over trials in each draw of speakers, (draws,)."""
    weights = speaker_weights(len(results[0].moments))
    drawn = np.mean([concordance(resample(result.moments, weights)) for result in results], axis=0)
    whole = np.array([concordance(result.moments.sum(axis=0)) for result in results])
    measured = {name: (whole[:, at], drawn[:, at]) for at, name in enumerate(DIMENSIONS)}
    uar = np.array([unweighted_average_recall(result.confusion.sum(axis=0)) for result in results])
    drawn_uar = np.mean([unweighted_average_recall(resample(r.confusion, weights)) for r in results], axis=0)
    return measured | {UAR: (uar, drawn_uar)}


def _figure(over_trials: Doubles, over_draws: Doubles) -> dict[str, Any]:
    return {
        "mean": _rounded(over_trials.mean()),
        "deviation": _rounded(over_trials.std(ddof=1)) if len(over_trials) > 1 else None,
        "interval": [_rounded(limit) for limit in interval(over_draws) or ()] or None,
    }


def _difference(one: tuple[Doubles, Doubles], other: tuple[Doubles, Doubles]) -> dict[str, Any]:
    trials = one[0] - other[0]
    tested = len(trials) > 1 and trials.std() > 0
    return {
        **_figure(trials, one[1] - other[1]),
        "p": float(f"{stats.ttest_rel(one[0], other[0]).pvalue:.2g}") if tested else None,
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _tree(flat: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        node = tree
        for part in key[:-1]:
            node = node.setdefault(part, {})
        node[key[-1]] = value
    return tree
