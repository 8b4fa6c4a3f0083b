"""Settings of pseudo-labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Pseudo-labels from clusters, for a net of frames (DeepEmoCluster: Lin, Sridhar and Busso, ICASSP 2021).

    Attributes:
        count: K, the number of clusters; 0 trains without pseudo-labels.
        weight: lambda, weight of the clustering loss in the joint one.
        classes: weight of the cross-entropy of the classes; 0 where, as in the paper, only dimensions are learnt.
        components: principal components of the embedding, whitened, that K-means clusters.
        longest: T_max, seconds; an utterance becomes as many chunks as its whole seconds, rounded up.
        balanced: draw every class of every corpus equally often; else every utterance.
        margin: seconds of an utterance kept before its first and after its last speech.
    """

    count: int = 0
    weight: float = 1.0
    classes: float = 1.0
    components: int = 32
    longest: float = 11.0
    balanced: bool = True
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0 or self.count == 1:
            raise ConfigurationError("[cluster] count must be 2 or more, or 0 to train without clusters")
        if min(self.weight, self.classes, self.margin) < 0:
            raise ConfigurationError("[cluster] weight, classes and margin must not be negative")
        if self.components < 1:
            raise ConfigurationError("[cluster] components must be at least 1")
        if not 1 <= self.longest < math.inf:
            raise ConfigurationError(f"[cluster] longest = {self.longest:g}: must be 1, a chunk's second, or more")
