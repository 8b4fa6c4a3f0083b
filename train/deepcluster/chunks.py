"""Chunks of the utterances of a store, and the batches of both stages of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from edge_app.core.baseline import Baseline
from edge_app.core.labels import DIMENSIONS, LABELS
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.core.windows import WindowSpec
from train.chunking import chunk_count, chunk_starts
from train.config import ExperimentConfig
from train.dataset import LEAST_SPEECH, affect
from train.deepcluster.clusters import Clusters
from train.frames import FrameStore
from train.spectrum import MARGIN, mask_spectrum, mix, vary_spectrum

CHUNK = WindowSpec().length / SAMPLE_RATE
"""w_c, seconds: a chunk is a window of the device."""

UNLABELLED = 3
"""With the seed and the epoch, what chunks without labels are drawn by."""


def spoken_rows(store: FrameStore, margin: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which frame to which each utterance is spoken: silence around it would be a cluster of its own.

    Args:
        store: frames, and windows with their speech.
        margin: frames kept on either side.

    Returns:
        First row and row after the last, shape (utterances,) each; never less than a window.
    """
    numbers = store.speech_windows(LEAST_SPEECH)
    owner, last = store.windows[numbers].T
    begin, end = store.offsets[:-1], store.offsets[1:]
    first, stop = end.copy(), begin.copy()
    np.minimum.at(first, owner, last - store.frames_per_window + 1 - margin)
    np.maximum.at(stop, owner, last + 1 + margin)
    return np.maximum(first, begin), np.minimum(stop, end)


class Chunks:
    """The chunks of some utterances, C of each, in their order.

    Args:
        store: frames.
        numbers: of the utterances, shape (m,).
        longest: T_max, seconds.
        margin: seconds kept around the speech of an utterance.

    Attributes:
        count: C.
        numbers: as above.
        last: row of the last frame of each chunk, shape (m * C,).
    """

    def __init__(self, store: FrameStore, numbers: NDArray[np.int64], longest: float, margin: float = 0.0) -> None:
        self.store = store
        self.numbers = numbers
        self.count = chunk_count(longest, CHUNK)
        window = store.frames_per_window
        first, stop = spoken_rows(store, round(margin / CHUNK * window))
        starts = [first[n] + chunk_starts(int(stop[n] - first[n]), window, self.count) for n in numbers]
        self.last = np.concatenate([np.zeros(0, np.int64), *starts]) + window - 1

    def __len__(self) -> int:
        return len(self.last)

    def clean(self, baseline: Baseline, size: int = 512) -> Iterator[Tensor]:
        """Standardised clean chunks, all in order, shape (at most size, frames, bands) each."""
        for part in np.split(self.last, range(size, len(self), size)):
            features = self.store.gather(part, np.zeros(len(part), dtype=np.int64))
            yield torch.from_numpy(baseline.standardise(features))


class ClusterBatch(NamedTuple):
    """Chunks and their targets.

    Attributes:
        features: standardised, shape (batch, frames, bands).
        pseudo: weight of each cluster, shape (batch, K).
        vocabulary: weight of each label of the whole vocabulary, shape (batch, labels); all 0 in the first stage.
        affect: arousal, valence, dominance, shape (batch, 3); all 0 in the first stage.
        labelled: whether the batch belongs to the second stage.
    """

    features: Tensor
    pseudo: Tensor
    vocabulary: Tensor
    affect: Tensor
    labelled: bool


class StageBatches(IterableDataset[ClusterBatch]):
    """The batches of an epoch: first those without labels, if there are any, then those with them, ``steps`` of each.

    The draws depend on the seed and the epoch's number alone.

    Args:
        labelled: chunks whose utterances have labels.
        unlabelled: chunks whose labels are not read; may be none.
        groups: utterances of ``labelled`` by corpus and class, and those of other classes, which are drawn equally
            often; (everything, nothing) to draw every utterance equally often.
        baseline: standardises features.
        config: augmentation, sizes and seed.

    Attributes:
        epoch: number of the next epoch to draw.
    """

    epoch: int

    def __init__(
        self,
        labelled: Chunks,
        unlabelled: Chunks | None,
        groups: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]],
        baseline: Baseline,
        config: ExperimentConfig,
    ) -> None:
        self.labelled = labelled
        self.unlabelled = unlabelled if unlabelled is not None and len(unlabelled) else None
        self.baseline = baseline
        self.config = config
        self.epoch = 0
        self._classes, self._others = groups
        self._pseudo = torch.zeros(self.total, max(config.cluster.count, 1))
        self._mean, self._deviation = torch.from_numpy(baseline.mean), torch.from_numpy(baseline.deviation)
        utterances = [labelled.store.utterances[number] for number in labelled.numbers]
        self._labels = torch.tensor([LABELS.index(str(u.label)) if u.label in LABELS else -1 for u in utterances])
        self._affect = torch.tensor([affect(u) for u in utterances], dtype=torch.float32)
        self._place = {int(number): place for place, number in enumerate(labelled.numbers)}

    @property
    def total(self) -> int:
        """Chunks of both kinds."""
        return len(self.labelled) + (len(self.unlabelled) if self.unlabelled else 0)

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.config.optimiser.steps * (2 if self.unlabelled else 1)

    def clean(self) -> Iterator[Tensor]:
        """All chunks, labelled ones first, as K-means sees them."""
        yield from self.labelled.clean(self.baseline)
        if self.unlabelled:
            yield from self.unlabelled.clean(self.baseline)

    def relabel(self, clusters: Clusters) -> None:
        """Give every chunk, in the order of :meth:`clean`, the label of its cluster."""
        one_hot = F.one_hot(torch.from_numpy(clusters.labels), len(clusters.sizes)).float()
        self._pseudo = one_hot * torch.from_numpy(clusters.weights())

    def __iter__(self) -> Iterator[ClusterBatch]:
        settings = self.config.optimiser
        if self.unlabelled:
            rng = np.random.default_rng((settings.seed, self.epoch, UNLABELLED))
            generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for _ in range(settings.steps):
                yield self._unlabelled_batch(self.unlabelled, rng, generator)
        rng = np.random.default_rng((settings.seed, self.epoch))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        for _ in range(settings.steps):
            yield self._labelled_batch(rng, generator)

    def _unlabelled_batch(self, chunks: Chunks, rng: np.random.Generator, generator: torch.Generator) -> ClusterBatch:
        drawn = rng.integers(len(chunks), size=self.config.optimiser.batch)
        features = self._varied(chunks, drawn, rng, generator)
        pseudo = self._pseudo[len(self.labelled) + drawn]
        if self.config.spectrum.mixup > 0:
            features, (pseudo,) = mix(features, [pseudo], self.config.spectrum.mixup, generator)
        size = len(drawn)
        return ClusterBatch(features, pseudo, torch.zeros(size, len(LABELS)), torch.zeros(size, len(DIMENSIONS)), False)

    def _labelled_batch(self, rng: np.random.Generator, generator: torch.Generator) -> ClusterBatch:
        size = self.config.optimiser.batch
        place = np.array([self._place[self._draw(rng)] for _ in range(size)])
        drawn = place * self.labelled.count + rng.integers(self.labelled.count, size=size)
        features = self._varied(self.labelled, drawn, rng, generator)
        known = self._labels[place]
        vocabulary = F.one_hot(known.clamp(min=0), len(LABELS)).float() * (known >= 0)[:, None]
        targets = [self._pseudo[drawn], vocabulary, self._affect[place]]
        if self.config.spectrum.mixup > 0:
            features, targets = mix(features, targets, self.config.spectrum.mixup, generator)
        return ClusterBatch(features, targets[0], targets[1], targets[2], True)

    def _varied(
        self, chunks: Chunks, drawn: NDArray[np.int64], rng: np.random.Generator, generator: torch.Generator
    ) -> Tensor:
        """Standardised chunks of any version, augmented."""
        version = rng.integers(chunks.store.frames.shape[0], size=len(drawn))
        frames: Floats = chunks.store.gather(chunks.last[drawn], version, MARGIN)
        varied = vary_spectrum(torch.from_numpy(frames), self.config.spectrum, generator)
        return mask_spectrum((varied - self._mean) / self._deviation, self.config.spectrum, generator)

    def _draw(self, rng: np.random.Generator) -> int:
        other = self._others and rng.random() < self.config.loss.other_share
        groups = self._others if other else self._classes
        group = groups[rng.integers(len(groups))]
        return int(group[rng.integers(len(group))])
