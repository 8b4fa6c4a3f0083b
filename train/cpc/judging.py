"""Whole utterances, and what a net of a stream says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats
from train.dataset import WindowPool, affect
from train.frames import FrameStore
from train.metrics import concordance, confusion, moments, unweighted_average_recall
from train.nets.cpc import STEP, CpcAttentionNet

LONGEST = 624
"""Frames of an utterance that are read at most: the ten seconds that a device can look back."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of utterances beside what is true.

    Attributes:
        numbers: the utterances, shape (n,).
        logits: shape (n, classes).
        dimensions: shape (n, 3).
        truth: class of each, shape (n,); -1 where it has none of the classes.
        affect: arousal, valence and dominance, shape (n, 3).
    """

    numbers: NDArray[np.int64]
    logits: Floats
    dimensions: Floats
    truth: NDArray[np.int64]
    affect: Floats

    @property
    def uar(self) -> float:
        """Unweighted average recall of the utterances that have a class."""
        known = self.truth >= 0
        found = confusion(self.truth[known], self.logits[known].argmax(axis=1), self.logits.shape[1])
        return float(unweighted_average_recall(found))

    @property
    def ccc(self) -> tuple[float, float, float]:
        """Concordance of arousal, valence and dominance."""
        sums = moments(self.affect.astype(np.float64), self.dimensions.astype(np.float64))
        arousal, valence, dominance = (float(concordance(sums[:, at])) for at in range(3))
        return arousal, valence, dominance

    @property
    def score(self) -> float:
        """What the best epoch is chosen by: the mean of UAR and of the mean concordance."""
        return float(np.nanmean([self.uar, float(np.nanmean(self.ccc))]))


class Utterances:
    """Whole utterances of a store, from the first window with speech to the last, ten seconds at most.

    Args:
        store: frames; the clean version is read.
        numbers: the utterances, all labelled.
        labels: the classes.
        baseline: standardises.
    """

    def __init__(
        self, store: FrameStore, numbers: NDArray[np.int64], labels: tuple[str, ...], baseline: Baseline
    ) -> None:
        pool = WindowPool(store, numbers, labels)
        self.numbers = np.array([n for n in numbers if pool.count[n]], dtype=np.int64)
        self.truth = np.array(
            [
                labels.index(str(u.label)) if u.label in labels else -1
                for u in map(store.utterances.__getitem__, self.numbers)
            ],
            dtype=np.int64,
        )
        self.affect = np.array([affect(store.utterances[n]) for n in self.numbers], dtype=np.float32)
        self._store = store
        self._baseline = baseline
        first, count = pool.first[self.numbers], pool.count[self.numbers]
        self._stop = pool.last[first + count - 1] + 1
        begin = np.maximum(pool.last[first] - store.frames_per_window + 1, store.offsets[self.numbers])
        self._start = np.maximum(begin, self._stop - LONGEST)

    def frames(self, at: int) -> Floats:
        """Standardised frames of one of them, shape (frames, dimension)."""
        rows = self._store.frames[0, self._start[at] : self._stop[at]].astype(np.float32)
        return self._baseline.standardise(rows)

    @torch.no_grad()
    def judge(self, net: CpcAttentionNet) -> Judged:
        """What a net says of them; those with as many steps go through it together."""
        training = net.training
        net.eval()
        steps = (self._stop - self._start) // STEP
        classes = net.emotion.out_features
        logits = np.zeros((len(self.numbers), classes), dtype=np.float32)
        dimensions = np.zeros((len(self.numbers), 3), dtype=np.float32)
        for count in np.unique(steps):
            alike = np.flatnonzero(steps == count)
            for part in np.split(alike, range(BATCH, len(alike), BATCH)):
                features = np.stack([self.frames(at)[: count * STEP] for at in part])
                output = net(torch.from_numpy(features))
                logits[part], dimensions[part] = output.logits.numpy(), output.dimensions.numpy()
        net.train(training)
        return Judged(self.numbers, logits, dimensions, self.truth, self.affect)
