"""Rows of functionals with what is known about each: what an encoder and its heads are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline, BaselineAccumulator
from edge_app.core.labels import DIMENSIONS
from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.corpora import Utterance
from train.dataset import affect

OUTLIER = 10.0
"""Rows with a functional beyond that many deviations do not train (Das et al. 2022)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of standardised functionals.

    Attributes:
        features: shape (n, functionals).
        label: class of each, shape (n,); -1 where it has none of the classes.
        affect: arousal, valence and dominance, shape (n, 3); NaN where they are not known.
        group: the corpus and label that each belongs to, as a number, shape (n,).
        owner: the utterance that each belongs to, shape (n,).
    """

    features: Floats
    label: NDArray[np.int64]
    affect: Floats
    group: NDArray[np.int64]
    owner: NDArray[np.int64]

    def affect_of(self, dimension: str) -> Floats:
        """One dimension, shape (n,); NaN throughout where none is named."""
        if not dimension:
            return np.full(len(self.label), np.nan, dtype=np.float32)
        return self.affect[:, DIMENSIONS.index(dimension)]

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Only some of the rows, by mask or number."""
        return Rows(
            self.features[chosen], self.label[chosen], self.affect[chosen], self.group[chosen], self.owner[chosen]
        )

    def balance(self) -> NDArray[np.float64]:
        """A weight for each row, mean 1, by which every group weighs the same, and in it every utterance."""
        _, owner, rows = np.unique(self.owner, return_inverse=True, return_counts=True)
        _, group = np.unique(self.group, return_inverse=True)
        of_owner = np.zeros(len(rows), dtype=np.int64)
        of_owner[owner] = group
        utterances = np.bincount(of_owner)
        weight = 1.0 / (rows[owner] * utterances[group])
        return weight / weight.mean()

    def draw(self, count: int, other_share: float, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of rows, drawn so that every group of the classes is equally frequent, and in it every utterance.

        Args:
            count: how many.
            other_share: share of rows that have none of the classes, as far as there are any.
            rng: where the chance comes from.
        """
        weight = self.balance()
        classed = self.label >= 0
        shares = [(~classed, other_share), (classed, 1.0 - other_share)]
        present = [(side, share) for side, share in shares if side.any() and share > 0]
        total = sum(share for _, share in present)
        for side, share in present:
            weight[side] *= share / total / weight[side].sum()
        if len(present) == 1:
            weight[~present[0][0]] = 0.0
        edges = np.cumsum(weight)
        return np.searchsorted(edges, rng.random(count) * edges[-1], side="right").clip(max=len(edges) - 1)


def make_rows(
    features: Floats, owner: NDArray[np.int64], utterances: Sequence[Utterance], labels: Sequence[str]
) -> Rows:
    """Rows with the label and the dimensions of the utterance that each belongs to.

    Args:
        features: standardised, shape (n, functionals).
        owner: number of the utterance of each, shape (n,).
        utterances: all with a label.
        labels: the classes.
    """
    groups = sorted({(utterance.corpus, str(utterance.label)) for utterance in utterances})
    label = np.array([labels.index(u.label) if u.label in labels else -1 for u in utterances], dtype=np.int64)
    values = np.array([affect(utterance) for utterance in utterances], dtype=np.float32)
    group = np.array([groups.index((u.corpus, str(u.label))) for u in utterances], dtype=np.int64)
    return Rows(features, label[owner], values[owner], group[owner], owner)


def robust_baseline(features: Floats, digest: str) -> Baseline:
    """Mean and deviation of rows of functionals, shape (n, functionals), outliers left out.

    Raises:
        CorpusError: hardly any row is left.
    """
    first = _baseline(features, digest)
    kept = inside(first.standardise(features))
    if kept.sum() < 2:
        raise CorpusError(
            f"{counted(len(features), 'row')} of functionals, and all but {kept.sum()} outliers; too few to train on"
        )
    return _baseline(features[kept], digest)


def inside(standardised: Floats) -> NDArray[np.bool_]:
    """Which rows, shape (n, functionals), have no functional beyond ``OUTLIER`` deviations."""
    chosen: NDArray[np.bool_] = np.asarray(np.abs(standardised).max(axis=1, initial=0.0) <= OUTLIER)
    return chosen


def _baseline(features: Floats, digest: str) -> Baseline:
    accumulator = BaselineAccumulator(features.shape[1])
    accumulator.add(features)
    return accumulator.baseline(digest)
