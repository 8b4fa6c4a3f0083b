"""Intervals by resampling speakers: recordings of one speaker are alike, so they are drawn together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
COVERAGE = 0.95


def speaker_weights(speakers: int, draws: int = DRAWS, seed: int = 0) -> NDArray[np.float64]:
    """How often each speaker is in each draw with replacement, shape (draws, speakers); rows sum to ``speakers``."""
    chances = np.full(speakers, 1 / speakers)
    return np.random.default_rng(seed).multinomial(speakers, chances, size=draws).astype(np.float64)


def resample(statistics: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the statistics of the speakers in each draw.

    Args:
        statistics: what can be added up over speakers, shape (speakers, ...).
        weights: shape (draws, speakers).

    Returns:
        Shape (draws, ...).
    """
    return np.tensordot(weights, statistics, axes=(1, 0))


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The middle 95 % of the draws; draws without a value (NaN) are left out. None where no draw has one."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return None
    low, high = np.quantile(known, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)
