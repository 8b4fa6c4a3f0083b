"""What clusters are about: how well they agree with emotion, and with who speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score, normalized_mutual_info_score

Integers = NDArray[np.int64]


def purity(clusters: Integers, truth: Sequence[str]) -> float:
    """Share of the rows that belong to the commonest name of their cluster, in (0, 1].

    Args:
        clusters: of each row, shape (n,), n > 0.
        truth: name of each row.
    """
    return float(shares(clusters, truth, int(clusters.max()) + 1).max(axis=1).sum() / len(clusters))


def shares(clusters: Integers, truth: Sequence[str], count: int) -> NDArray[np.float64]:
    """How many rows of each name each of ``count`` clusters has, shape (count, names), names sorted."""
    _, name = np.unique(np.asarray(truth), return_inverse=True)
    counts = np.zeros((count, int(name.max()) + 1))
    np.add.at(counts, (clusters, name), 1)
    return counts


def agreement(clusters: Integers, truth: Sequence[str]) -> dict[str, float]:
    """Agreement of clusters with names.

    Args:
        clusters: of each row, shape (n,), n > 0.
        truth: name of each row.

    Returns:
        ``purity``; ``chance``, the purity of one cluster of all; ``information``, mutual information in nats;
        ``normalised``, that over the mean of the two entropies; ``adjusted``, which is 0 on average for clusters that
        know nothing of the names, however many there are (Vinh, Epps and Bailey, JMLR 11, 2010).
    """
    names = np.asarray(truth)
    return {
        "purity": purity(clusters, truth),
        "chance": purity(np.zeros(len(clusters), dtype=np.int64), truth),
        "information": float(mutual_info_score(names, clusters)),
        "normalised": float(normalized_mutual_info_score(names, clusters)),
        "adjusted": float(adjusted_mutual_info_score(names, clusters)),
    }


def agreements(clusters: Integers, truths: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """:func:`agreement` with several kinds of names, rounded to four digits."""
    return {
        kind: {name: round(value, 4) for name, value in agreement(clusters, truth).items()}
        for kind, truth in truths.items()
    }
