"""From trainings to figures: means over seeds, intervals over speakers, differences between variants in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from edge_app.core.labels import DIMENSIONS
from train.bootstrap import interval, resample, speaker_weights
from train.deepcluster.experiment import ALONE, SEMI, SUPERVISED, VARIANTS
from train.metrics import concordance

Doubles = NDArray[np.float64]

PAIRS = (
    (SUPERVISED, "CNN-regressor"),
    (SUPERVISED, "CNN-AE"),
    (SUPERVISED, "CNN-VAE"),
    (SEMI, SUPERVISED),
    ("DeepEmoCluster-20, unlabelled", SEMI),
    ("DeepEmoCluster-30, unlabelled", SEMI),
)
DIGITS = 4


def collect(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all trainings.

    Args:
        results: of every variant with the same seeds, as :func:`~train.deepcluster.experiment.run_variant` gives them.

    Returns:
        ``means`` by variant and dimension: ``mean`` of the CCC over seeds, ``deviation`` between them and ``interval``
        over speakers; ``differences`` by pair and dimension: the same, with ``p`` of a paired t-test over seeds;
        ``clusters`` by variant: ``present`` and ``agreement``, means over seeds; ``epochs`` by variant, the mean.
    """
    by_variant = {
        name: sorted((r for r in results if r["variant"] == name), key=lambda result: result["seed"])
        for name in VARIANTS
    }
    measured = {name: _concordances(found) for name, found in by_variant.items() if name != ALONE}
    return {
        "means": {
            name: {dimension: _figure(seeds[:, at], draws[:, at]) for at, dimension in enumerate(DIMENSIONS)}
            for name, (seeds, draws) in measured.items()
        },
        "differences": {
            f"{one} - {other}": {
                dimension: _difference(measured[one], measured[other], at) for at, dimension in enumerate(DIMENSIONS)
            }
            for one, other in PAIRS
        },
        "clusters": {name: _clusters(found) for name, found in by_variant.items()},
        "epochs": {name: _rounded(np.mean([r["epochs"] for r in found])) for name, found in by_variant.items()},
    }


def _concordances(results: Sequence[Mapping[str, Any]]) -> tuple[Doubles, Doubles]:
    """CCC with each seed, shape (seeds, dimensions), and its mean over seeds in each draw of speakers."""
    sums = [np.array(result["moments"]) for result in results]
    weights = speaker_weights(len(sums[0]))
    whole = np.stack([concordance(each.sum(axis=0)) for each in sums])
    drawn: Doubles = np.mean([concordance(resample(each, weights)) for each in sums], axis=0)
    return whole, drawn


def _figure(seeds: Doubles, draws: Doubles) -> dict[str, Any]:
    return {
        "mean": _rounded(seeds.mean()),
        "deviation": _rounded(seeds.std(ddof=1)) if len(seeds) > 1 else None,
        "interval": [_rounded(limit) for limit in interval(draws) or ()] or None,
    }


def _difference(one: tuple[Doubles, Doubles], other: tuple[Doubles, Doubles], at: int) -> dict[str, Any]:
    seeds, draws = (a[:, at] - b[:, at] for a, b in zip(one, other, strict=True))
    tested = len(seeds) > 1 and seeds.std() > 0
    p = stats.ttest_rel(one[0][:, at], other[0][:, at]).pvalue if tested else None
    return {**_figure(seeds, draws), "p": None if p is None else float(f"{p:.2g}")}


def _clusters(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = results[0]["clusters"]["agreement"]
    return {
        "present": _rounded(np.mean([result["clusters"]["present"] for result in results])),
        "agreement": {
            kind: {
                name: _rounded(np.mean([result["clusters"]["agreement"][kind][name] for result in results]))
                for name in found
            }
            for kind, found in kinds.items()
        },
    }


def _rounded(value: Any) -> float:
    return round(float(value), DIGITS)
