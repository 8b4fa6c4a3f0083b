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

AUGMENTATION = 3
"""With the seed and the epoch, what chunks are augmented by."""


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
        numbers: of the utterances.
        longest: T_max, seconds.
        margin: seconds kept around the speech of an utterance.

    Attributes:
        count: C.
        numbers: those that have a frame, shape (m,).
        last: row of the last frame of each chunk, shape (m * C,).
    """

    def __init__(self, store: FrameStore, numbers: NDArray[np.int64], longest: float, margin: float = 0.0) -> None:
        self.store = store
        self.count = chunk_count(longest, CHUNK)
        window = store.frames_per_window
        first, stop = spoken_rows(store, round(margin / CHUNK * window))
        self.numbers = numbers[(stop - first)[numbers] >= window]
        starts = [first[n] + chunk_starts(int(stop[n] - first[n]), window, self.count) for n in self.numbers]
        self.last = np.concatenate([np.zeros(0, np.int64), *starts]) + window - 1

    def __len__(self) -> int:
        return len(self.last)

    def clean(self, baseline: Baseline, chosen: NDArray[np.int64] | None = None, size: int = 512) -> Iterator[Tensor]:
        """Standardised clean chunks, all in order or those chosen, shape (at most size, frames, bands) each."""
        last = self.last if chosen is None else self.last[chosen]
        for part in np.split(last, range(size, len(last), size)):
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


class Draw(NamedTuple):
    """The chunks of an epoch, in the order in which they are seen.

    Attributes:
        labelled: numbers of chunks with labels, shape (steps, batch).
        unlabelled: of those without, shape (steps, batch), or (0, batch).
    """

    labelled: NDArray[np.int64]
    unlabelled: NDArray[np.int64]


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
        self._clusters: tuple[Floats, Floats] | None = None
        self._mean, self._deviation = torch.from_numpy(baseline.mean), torch.from_numpy(baseline.deviation)
        utterances = [labelled.store.utterances[number] for number in labelled.numbers]
        self._labels = torch.tensor([LABELS.index(str(u.label)) if u.label in LABELS else -1 for u in utterances])
        self._affect = torch.tensor([affect(u) for u in utterances], dtype=torch.float32)
        self._place = {int(number): place for place, number in enumerate(labelled.numbers)}

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.config.optimiser.steps * (2 if self.unlabelled else 1)

    def draw(self) -> Draw:
        """Which chunks the epoch sees."""
        settings, chunks = self.config.optimiser, self.labelled
        shape = (settings.steps, settings.batch)
        rng = np.random.default_rng((settings.seed, self.epoch))
        place = np.array([self._place[self._utterance(rng)] for _ in range(shape[0] * shape[1])]).reshape(shape)
        labelled = place * chunks.count + rng.integers(chunks.count, size=shape)
        if self.unlabelled is None:
            return Draw(labelled, np.zeros((0, shape[1]), dtype=np.int64))
        return Draw(labelled, rng.integers(len(self.unlabelled), size=shape))

    def clean(self) -> Iterator[Tensor]:
        """The chunks of the epoch without augmentation, each once, those with labels first: what K-means sees."""
        drawn = self.draw()
        yield from self.labelled.clean(self.baseline, np.unique(drawn.labelled))
        if self.unlabelled:
            yield from self.unlabelled.clean(self.baseline, np.unique(drawn.unlabelled))

    def relabel(self, clusters: Clusters) -> None:
        """Give the chunks of the epoch, in the order of :meth:`clean`, the labels of their clusters."""
        drawn = self.draw()
        weight = np.eye(len(clusters.sizes), dtype=np.float32) * clusters.weights()
        labelled = np.unique(drawn.labelled)
        pseudo = [np.zeros((0, 0), dtype=np.float32), np.zeros((0, 0), dtype=np.float32)]
        parts = ((self.labelled, labelled, clusters.labels[: len(labelled)]),
                 (self.unlabelled, np.unique(drawn.unlabelled), clusters.labels[len(labelled) :]))  # fmt: skip
        for at, (chunks, numbers, found) in enumerate(parts):
            if chunks is not None:
                pseudo[at] = np.zeros((len(chunks), len(weight)), dtype=np.float32)
                pseudo[at][numbers] = weight[found]
        self._clusters = pseudo[0], pseudo[1]

    def __iter__(self) -> Iterator[ClusterBatch]:
        drawn = self.draw()
        rng = np.random.default_rng((self.config.optimiser.seed, self.epoch, AUGMENTATION))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        if self.unlabelled:
            for numbers in drawn.unlabelled:
                yield self._unlabelled_batch(self.unlabelled, numbers, rng, generator)
        for numbers in drawn.labelled:
            yield self._labelled_batch(numbers, rng, generator)

    def _unlabelled_batch(
        self, chunks: Chunks, numbers: NDArray[np.int64], rng: np.random.Generator, generator: torch.Generator
    ) -> ClusterBatch:
        size = len(numbers)
        targets = [self._pseudo(1, numbers), torch.zeros(size, len(LABELS)), torch.zeros(size, len(DIMENSIONS))]
        return self._mixed(self._varied(chunks, numbers, rng, generator), targets, False, generator)

    def _labelled_batch(
        self, numbers: NDArray[np.int64], rng: np.random.Generator, generator: torch.Generator
    ) -> ClusterBatch:
        place = numbers // self.labelled.count
        known = self._labels[place]
        vocabulary = F.one_hot(known.clamp(min=0), len(LABELS)).float() * (known >= 0)[:, None]
        targets = [self._pseudo(0, numbers), vocabulary, self._affect[place]]
        return self._mixed(self._varied(self.labelled, numbers, rng, generator), targets, True, generator)

    def _pseudo(self, side: int, numbers: NDArray[np.int64]) -> Tensor:
        """Weight of each cluster for chunks; of none where nothing was clustered."""
        if self._clusters is None:
            return torch.zeros(len(numbers), 1)
        return torch.from_numpy(self._clusters[side][numbers])

    def _mixed(
        self, features: Tensor, targets: list[Tensor], labelled: bool, generator: torch.Generator
    ) -> ClusterBatch:
        if self.config.spectrum.mixup > 0:
            features, targets = mix(features, targets, self.config.spectrum.mixup, generator)
        return ClusterBatch(features, targets[0], targets[1], targets[2], labelled)

    def _varied(
        self, chunks: Chunks, numbers: NDArray[np.int64], rng: np.random.Generator, generator: torch.Generator
    ) -> Tensor:
        """Standardised chunks of any version, augmented."""
        version = rng.integers(chunks.store.frames.shape[0], size=len(numbers))
        frames: Floats = chunks.store.gather(chunks.last[numbers], version, MARGIN)
        varied = vary_spectrum(torch.from_numpy(frames), self.config.spectrum, generator)
        return mask_spectrum((varied - self._mean) / self._deviation, self.config.spectrum, generator)

    def _utterance(self, rng: np.random.Generator) -> int:
        other = self._others and rng.random() < self.config.loss.other_share
        groups = self._others if other else self._classes
        group = groups[rng.integers(len(groups))]
        return int(group[rng.integers(len(group))])
