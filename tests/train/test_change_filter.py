"""The Bayes filter, against the sum over all paths of its Markov chain."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edge_app.core.types import samples
from train.change_filter import ChangeFilter, FilterSettings

HOP = 0.25


def by_enumeration(windows: np.ndarray, weights: list[float], keeps: list[float]) -> np.ndarray:
    """The posterior of the last state: each path's prior times its likelihood, added up."""
    count, classes = windows.shape
    total = np.zeros(classes)
    for path in itertools.product(range(classes), repeat=count):
        probability = 1 / classes
        for before, after, keep in zip(path, path[1:], keeps[1:], strict=False):
            probability *= keep * (before == after) + (1 - keep) / classes
        for state, row, weight in zip(path, windows, weights, strict=True):
            probability *= row[state] ** weight
        total[path[-1]] += probability
    return total / total.sum()


def test_the_posterior_is_the_sum_over_all_paths(rng: np.random.Generator) -> None:
    windows = rng.dirichlet(np.ones(3), 6)
    ends = [1.0, 1.25, 1.5, 2.5, 2.75, 4.5]  # pauses of 0.75 and 1.5 s beyond the hop
    elapsed = [1.0, 0.25, 0.25, 1.0, 0.25, 1.75]
    keeps = [math.exp(-0.4 * seconds * 3 / 2) * (0.7 if seconds > HOP else 1.0) for seconds in elapsed]
    weights = [1.5 * min(seconds, 1.0) for seconds in elapsed]
    tried = ChangeFilter(FilterSettings(evidence=1.5, rate=0.4, at_pause=0.3), HOP)
    for count, (row, end) in enumerate(zip(windows, ends, strict=True), 1):
        belief, label = tried.update(row, 3, samples(end))
        expected = by_enumeration(windows[:count], weights[:count], keeps[:count])
        np.testing.assert_allclose(belief, expected, rtol=1e-9)
        assert label == expected.argmax()


def test_it_changes_at_the_rate_it_is_told() -> None:
    """Without evidence the probability that the state is another follows the chain's exponential."""
    tried = ChangeFilter(FilterSettings(evidence=1.0, rate=0.5), HOP)
    tried.update(np.array([1.0, 1e-9, 1e-9, 1e-9]), 4, samples(1.0))
    start = 1 / (1 + 3e-4)
    belief, _ = tried.update(np.full(4, 0.25), 4, samples(1.25))
    assert belief[0] == pytest.approx(0.25 + (start - 0.25) * math.exp(-0.5 * 0.25 * 4 / 3), rel=1e-9)


def test_the_label_needs_its_margin() -> None:
    tried = ChangeFilter(FilterSettings(evidence=4.0, rate=1e-9, margin=0.2), HOP)
    assert tried.update(np.array([0.5, 0.5]), 2, samples(1.0))[1] == 0
    belief, label = tried.update(np.array([0.45, 0.55]), 2, samples(1.25))
    assert belief[1] == pytest.approx(0.55) and label == 0
    belief, label = tried.update(np.array([0.4, 0.6]), 2, samples(1.5))
    assert belief[1] == pytest.approx(0.33 / (0.33 + 0.18)) and label == 1
