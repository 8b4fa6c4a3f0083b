"""Pseudo-labels: K-means of a net's embeddings.

The paper takes its clusters from DeepCluster (Caron et al., ECCV 2018), and what it leaves open is done as there:
embeddings are reduced to principal components, whitened and scaled to unit length before K-means, and in the loss
every cluster weighs the same, whatever its size.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import CorpusError

ITERATIONS = 100
LEAST_VARIANCE = 1e-6
"""Components with less than this share of the variance are noise, and whitening would make it loud."""


class Whitening:
    """Principal components of embeddings, each with variance 1, and then every row with length 1.

    Args:
        embedding: what they are fitted to, shape (n, size), n > 0.
        components: how many at most.
    """

    def __init__(self, embedding: Floats, components: int) -> None:
        values = embedding.astype(np.float64)
        self._mean = values.mean(axis=0)
        centred = values - self._mean
        variance, axes = np.linalg.eigh(centred.T @ centred / len(values))
        kept = np.flatnonzero(variance > LEAST_VARIANCE * variance.sum())[::-1][:components]
        self._map = axes[:, kept] / np.sqrt(variance[kept])

    def __call__(self, embedding: Floats) -> Floats:
        """Shape (n, components); no component, and zeros in one column, where the embeddings do not vary."""
        values = (embedding.astype(np.float64) - self._mean) @ self._map
        if values.shape[1] == 0:
            return np.zeros((len(embedding), 1), dtype=np.float32)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        return (values / np.where(length > 0, length, 1.0)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters of embeddings.

    Attributes:
        labels: cluster of each row that they were fitted to, shape (n,).
        sizes: rows in each, shape (count,); 0 for an empty one.
        whitening: what K-means reads.
        means: fitted K-means.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    whitening: Whitening
    means: KMeans

    @property
    def present(self) -> int:
        """How many clusters are not empty."""
        return int(np.count_nonzero(self.sizes))

    def weights(self) -> Floats:
        """Weight of a row of each cluster, shape (count,), by which all weigh the same; mean over the rows 1."""
        share = len(self.labels) / (np.maximum(self.sizes, 1) * self.present)
        return np.where(self.sizes > 0, share, 0.0).astype(np.float32)

    def assign(self, embedding: Floats) -> NDArray[np.int64]:
        """The nearest cluster of other embeddings, shape (n,) from (n, size)."""
        return np.asarray(self.means.predict(self.whitening(embedding)), dtype=np.int64)


def fit_clusters(embedding: Floats, count: int, components: int, seed: int) -> Clusters:
    """K-means of embeddings.

    A cluster that empties on the way gets the row that is farthest from its centre (scikit-learn's rule). One that is
    empty at the end, because fewer embeddings than clusters differ, stays so: no row bears its label, and it has no
    weight.

    Args:
        embedding: shape (n, size).
        count: K.
        components: principal components that are clustered.
        seed: of the first centres.

    Raises:
        CorpusError: there are fewer rows than clusters.
    """
    if len(embedding) < count:
        raise CorpusError(
            f"{counted(len(embedding), 'chunk')} cannot make {count} clusters; add speech, raise [optimiser] steps or "
            "batch, or lower [cluster] count"
        )
    whitening = Whitening(embedding, components)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer embeddings than clusters differ: see above
        means = KMeans(count, n_init=1, max_iter=ITERATIONS, random_state=seed).fit(whitening(embedding))
    labels = means.labels_.astype(np.int64)
    return Clusters(labels, np.bincount(labels, minlength=count), whitening, means)
