"""What the papers measure of a latent space, each with its definition where they leave it open."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Doubles = NDArray[np.floating[Any]]

BINS = 32
TAIL = 0.01
"""Share of the latents at either end that the histograms leave to their outermost bins."""


def adjusted_r2(features: Doubles, target: Doubles) -> float:
    """Adjusted squared correlation of a target with its least-squares fit on features, intercept included.

    ``1 - (1 - R^2) (n - 1) / (n - p - 1)``, with p features.

    Args:
        features: shape (n, p).
        target: shape (n,); rows where it is NaN are left out.

    Returns:
        NaN where the target is constant or there are too few rows.
    """
    known = ~np.isnan(target)
    x, y = features[known].astype(np.float64), target[known].astype(np.float64)
    n, p = x.shape
    total = ((y - y.mean()) ** 2).sum() if n else 0.0
    if n <= p + 1 or total <= 1e-12:
        return float("nan")
    design = np.column_stack((np.ones(n), x))
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(1 - (residual @ residual / total) * (n - 1) / (n - p - 1))


def distance_r2(latent: Doubles, target: Doubles, rng: np.random.Generator) -> float:
    """Adjusted squared correlation of the distances of latents and of targets, between rows that follow by chance.

    Args:
        latent: shape (n, latent).
        target: shape (n,); rows where it is NaN are left out.
        rng: shuffles the rows.
    """
    order = rng.permutation(np.flatnonzero(~np.isnan(target)))
    apart = np.linalg.norm(np.diff(latent[order], axis=0), axis=1)
    return adjusted_r2(np.abs(np.diff(target[order]))[:, None], apart)


class PrincipalAxis:
    """The direction in which a latent space varies most, pointing to where a target is high.

    Args:
        latent: of the training corpora, shape (n, latent).
        target: shape (n,); NaN where it is not known.
    """

    def __init__(self, latent: Doubles, target: Doubles) -> None:
        known = ~np.isnan(target)
        centred = latent - latent.mean(axis=0)
        axis = np.linalg.svd(centred, full_matrices=False)[2][0]
        towards = (centred[known] @ axis) @ (target[known] - target[known].mean())
        self.axis = axis if towards >= 0 else -axis

    def rank_correlation(self, latent: Doubles, target: Doubles) -> float:
        """Spearman's rank correlation of the place along the axis and a target; NaN where either is constant."""
        known = ~np.isnan(target)
        place, wanted = rankdata(latent[known] @ self.axis), rankdata(target[known])
        if len(place) < 2 or np.ptp(place) == 0 or np.ptp(wanted) == 0:
            return float("nan")
        return float(np.corrcoef(place, wanted)[0, 1])


def overlap(first: Doubles, second: Doubles) -> float:
    """How much two distributions of latents share: the area under both histograms, mean over the latent numbers.

    Each latent number's histogram has ``BINS`` equal bins, from the lower of the two 1st percentiles to the higher of
    the two 99th; what lies outside counts in the outermost. 1 is the same distribution, 0 is nothing in common.

    Args:
        first: shape (n, latent).
        second: shape (m, latent).
    """
    shares = []
    for one, other in zip(first.T, second.T, strict=True):
        low = min(np.quantile(one, TAIL), np.quantile(other, TAIL))
        high = max(np.quantile(one, 1 - TAIL), np.quantile(other, 1 - TAIL))
        edges = np.linspace(low, high, BINS + 1)[1:-1]
        heights = [np.bincount(np.searchsorted(edges, values), minlength=BINS) / len(values) for values in (one, other)]
        shares.append(np.minimum(*heights).sum())
    return float(np.mean(shares))


def balanced_accuracy(predicted: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """Mean recall of the classes that occur."""
    return float(np.mean([np.mean(predicted[expected == each] == each) for each in np.unique(expected)]))
