"""Balanced batches: every class of every corpus weighs the same, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from edge_app.core.baseline import Baseline
from edge_app.core.labels import AFFECT_NORMS, DIMENSIONS, LABELS
from train.config import ExperimentConfig
from train.corpora import Utterance
from train.frames import FrameStore
from train.simulation import SimulatedWearers
from train.spectrum import MARGIN, mask_spectrum, mix, vary_spectrum

LEAST_SPEECH = 0.5
"""Training reads windows that are at least half speech."""


def affect(utterance: Utterance) -> tuple[float, float, float]:
    """Arousal, valence and dominance: as rated where the corpus has ratings, else mapped from the label."""
    arousal, valence, dominance = utterance.arousal, utterance.valence, utterance.dominance
    if arousal is not None and valence is not None and dominance is not None:
        return arousal, valence, dominance
    if utterance.label is None:
        raise ValueError(f"{utterance.path} has neither label nor ratings")
    return AFFECT_NORMS[utterance.label]


class Batch(NamedTuple):
    """Windows and their targets.

    Attributes:
        features: standardised, shape (batch, frames, bands).
        vocabulary: weight of each label of the whole vocabulary, shape (batch, labels), rows sum to 1.
        affect: arousal, valence, dominance, shape (batch, 3).
    """

    features: Tensor
    vocabulary: Tensor
    affect: Tensor


class WindowPool:
    """The windows with speech of some utterances of a store, by corpus and label.

    Args:
        store: frames.
        utterances: numbers of the utterances that belong to the pool; all must have a label.
        labels: classes of the head.
        least_speech: fraction of speech from which a window belongs to the pool; an utterance with none gives its best.
    """

    def __init__(
        self,
        store: FrameStore,
        utterances: NDArray[np.int64],
        labels: Sequence[str],
        least_speech: float = LEAST_SPEECH,
    ) -> None:
        self.store = store
        self.utterances = utterances
        numbers = store.speech_windows(least_speech)
        numbers = numbers[np.isin(store.windows[numbers, 0], utterances)]
        order = np.argsort(store.windows[numbers, 0], kind="stable")
        self.last = store.windows[numbers[order], 1]
        self.owner = store.windows[numbers[order], 0]
        self.first = np.searchsorted(self.owner, np.arange(len(store.utterances)))
        self.count = np.bincount(self.owner, minlength=len(store.utterances))
        self.classes = self._groups(labels, inside=True)
        self.others = self._groups(labels, inside=False)

    def _groups(self, labels: Sequence[str], inside: bool) -> list[NDArray[np.int64]]:
        groups: dict[tuple[str, str], list[int]] = {}
        for number in self.utterances:
            utterance = self.store.utterances[number]
            assert utterance.label is not None
            if self.count[number] and (utterance.label in labels) is inside:
                groups.setdefault((utterance.corpus, utterance.label), []).append(int(number))
        return [np.array(groups[key], dtype=np.int64) for key in sorted(groups)]

    def baseline(self, digest: str) -> Baseline:
        """Statistics of the clean windows in the pool, see :meth:`FrameStore.baseline`."""
        return self.store.baseline(self.last, digest)


class BalancedBatches(IterableDataset[Batch]):
    """Batches without end; the draws depend on the seed and the epoch's number alone.

    Args:
        pool: training windows.
        baseline: standardises features.
        config: augmentation, sizes and seed.
        wearers: what was heard of the speakers before; None where every window is standardised by ``baseline``.
    """

    epoch: int
    """Number of the next epoch to draw."""

    def __init__(
        self, pool: WindowPool, baseline: Baseline, config: ExperimentConfig, wearers: SimulatedWearers | None = None
    ) -> None:
        self.pool = pool
        self._wearers = wearers
        self.config = config
        self.epoch = 0
        self._mean = torch.from_numpy(baseline.mean)
        self._deviation = torch.from_numpy(baseline.deviation)
        labels = [LABELS.index(u.label) if u.label in LABELS else -1 for u in pool.store.utterances]
        self._labels = np.array(labels)
        self._affect = np.zeros((len(labels), len(DIMENSIONS)), dtype=np.float32)
        for number in pool.utterances:
            self._affect[number] = affect(pool.store.utterances[number])

    def __iter__(self) -> Iterator[Batch]:
        settings = self.config.optimiser
        rng = np.random.default_rng((settings.seed, self.epoch))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        while True:
            yield self._batch(rng, generator)

    def _batch(self, rng: np.random.Generator, generator: torch.Generator) -> Batch:
        pool, config = self.pool, self.config
        size = config.optimiser.batch
        numbers = np.array([self._draw(rng) for _ in range(size)])
        window = pool.first[numbers] + (rng.random(size) * pool.count[numbers]).astype(np.int64)
        version = self._versions(rng, size)
        features = self._features(numbers, pool.last[window], version, rng, generator)
        vocabulary = torch.nn.functional.one_hot(torch.from_numpy(self._labels[numbers]), len(LABELS)).float()
        targets = [vocabulary, torch.from_numpy(self._affect[numbers])]
        if config.spectrum.mixup > 0:
            features, targets = mix(features, targets, config.spectrum.mixup, generator)
        return Batch(features, targets[0], targets[1])

    def _versions(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        count, clean = self.pool.store.frames.shape[0], self.config.versions.clean
        if clean == 0 or count == 1:
            return rng.integers(count, size=size)
        return np.where(rng.random(size) < clean, 0, rng.integers(1, count, size=size))

    def _features(
        self,
        numbers: NDArray[np.int64],
        last: NDArray[np.int64],
        version: NDArray[np.int64],
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> Tensor:
        """Augmented, standardised features of windows, given by utterance, last frame and version."""
        store, spectrum = self.pool.store, self.config.spectrum
        varied = vary_spectrum(torch.from_numpy(store.gather(last, version, MARGIN)), spectrum, generator)
        bands = varied.shape[2]
        varied = torch.from_numpy(store.complete(varied.numpy(), last, version))
        features = (varied - self._usual(numbers, last, varied, rng)) / self._deviation
        masked = mask_spectrum(features[:, :, :bands], spectrum, generator)
        return torch.cat((masked, features[:, :, bands:]), dim=2)

    def _usual(
        self, numbers: NDArray[np.int64], last: NDArray[np.int64], varied: Tensor, rng: np.random.Generator
    ) -> Tensor:
        """What is taken away from each window."""
        if self._wearers is None:
            return self._mean
        channel = varied.numpy().mean(axis=1) - self.pool.store.clean(last).mean(axis=1)
        return torch.from_numpy(self._wearers.draw(numbers, rng, channel))[:, None]

    def _draw(self, rng: np.random.Generator) -> int:
        pool = self.pool
        other = pool.others and rng.random() < self.config.loss.other_share
        groups = pool.others if other else pool.classes
        group = groups[rng.integers(len(groups))]
        return int(group[rng.integers(len(group))])


def clean_windows(pool: WindowPool, baseline: Baseline, stride: int | None = None) -> tuple[Tensor, NDArray[np.int64]]:
    """Standardised clean windows of a pool, every ``stride``-th, and the utterance that each belongs to.

    Without a stride they are as many as a device cuts.
    """
    last, owner = _cut(pool, stride)
    return torch.from_numpy(baseline.standardise(pool.store.clean(last))), owner


def augmented_windows(pool: WindowPool, baseline: Baseline, version: int) -> tuple[Tensor, NDArray[np.int64]]:
    """The windows of :func:`clean_windows` in an augmented version, from 1 on."""
    last, owner = _cut(pool, None)
    return windows_of(pool, baseline, last, version), owner


def windows_of(pool: WindowPool, baseline: Baseline, last: NDArray[np.int64], version: int) -> Tensor:
    """Standardised windows of a version, 0 being the clean one, by their last frames, shape (n,)."""
    versions = np.full(len(last), version, dtype=np.int64)
    store = pool.store
    return torch.from_numpy(baseline.standardise(store.complete(store.gather(last, versions), last, versions)))


def _cut(pool: WindowPool, stride: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Last frames of a pool's windows, every ``stride``-th, one at least of each utterance; and their utterances."""
    chosen = slice(None, None, stride or pool.store.per_hop)
    last, owner = pool.last[chosen], pool.owner[chosen]
    missing = np.setdiff1d(pool.owner, owner)
    extra = pool.first[missing]
    return np.append(last, pool.last[extra]), np.append(owner, pool.owner[extra])
