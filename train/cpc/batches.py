"""Batches of speech without labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from edge_app.core.baseline import Baseline, BaselineAccumulator
from edge_app.core.features import FrameExtractor
from edge_app.errors import CorpusError
from train.cpc.speech import FrameReader, Heard, SpeechStream
from train.nets.cpc import STEP

STATISTICS = 128
"""Recordings that the mean and deviation of the features are taken over."""

MOST_FAILURES = 1000
"""Recordings in a row that cannot be used, after which there seems to be nothing to hear."""


class SpeechBatch(NamedTuple):
    """Stretches of speech.

    Attributes:
        features: standardised, shape (batch, frames, bands); zeros after the end of a recording.
        lengths: steps of each that have audio, shape (batch,).
        paths: the files.
    """

    features: Tensor
    lengths: Tensor
    paths: tuple[Path, ...]


class SpeechBatches(IterableDataset[SpeechBatch]):
    """Batches without end, drawn by the seed and the recordings before them alone.

    Args:
        stream: recordings.
        reader: their frames.
        baseline: standardises them.
        frames: frames of a stretch at most.
        size: stretches in a batch.
        seed: of where in its recording a stretch lies.

    Attributes:
        position: recordings taken from the stream so far; set it before the first batch to go on from there.
    """

    def __init__(
        self, stream: SpeechStream, reader: FrameReader, baseline: Baseline, frames: int, size: int, seed: int
    ) -> None:
        self.position = 0
        self._stream = stream
        self._reader = reader
        self._baseline = baseline
        self._frames = frames
        self._size = size
        self._seed = seed
        self._recordings: Iterator[tuple[Path, NDArray[np.float16]]] | None = None

    @property
    def heard(self) -> Heard:
        """What was read so far."""
        return self._reader.heard

    def __iter__(self) -> Iterator[SpeechBatch]:
        if self._recordings is None:
            self._recordings = self._read()
        while True:
            rng = np.random.default_rng((self._seed, self.position))
            yield make_batch(list(itertools.islice(self._recordings, self._size)), self._baseline, self._frames, rng)

    def _read(self) -> Iterator[tuple[Path, NDArray[np.float16]]]:
        failures = 0
        for utterance in itertools.islice(self._stream, self.position, None):
            self.position += 1
            frames = self._reader.read(utterance)
            failures = 0 if frames is not None else failures + 1
            if frames is not None:
                yield utterance.path, frames
            elif failures >= MOST_FAILURES:
                raise CorpusError(_nothing(self._reader))


def make_batch(
    recordings: Sequence[tuple[Path, NDArray[np.float16]]],
    baseline: Baseline,
    frames: int,
    rng: np.random.Generator,
) -> SpeechBatch:
    """One stretch of each recording, whole where it is shorter than ``frames``."""
    frames -= frames % STEP
    features = np.zeros((len(recordings), frames, len(baseline.mean)), dtype=np.float32)
    lengths = []
    for row, (_, found) in enumerate(recordings):
        start = int(rng.integers(max(len(found) - frames, 0) + 1))
        stretch = found[start : start + frames].astype(np.float32)
        features[row, : len(stretch)] = baseline.standardise(stretch)
        lengths.append(len(stretch) // STEP)
    return SpeechBatch(torch.from_numpy(features), torch.tensor(lengths), tuple(path for path, _ in recordings))


def measure_baseline(stream: SpeechStream, reader: FrameReader, extractor: FrameExtractor) -> Baseline:
    """Mean and deviation of the features over the first recordings of a stream.

    Raises:
        CorpusError: none of them can be used.
    """
    accumulator = BaselineAccumulator(extractor.dimension)
    used = 0
    for utterance in itertools.islice(stream, MOST_FAILURES):
        frames = reader.read(utterance)
        if frames is not None:
            accumulator.add(frames.astype(np.float32))
            used += 1
        if used == STATISTICS:
            break
    if used == 0:
        raise CorpusError(_nothing(reader))
    return accumulator.baseline(extractor.spec.digest)


def _nothing(reader: FrameReader) -> str:
    """Why there is nothing to hear."""
    broken, short = reader.heard.broken, reader.heard.short
    example = f", such as {next(iter(broken.values()))}" if broken else ""
    return f"no unlabelled recording can be used: {len(broken)} broken, {len(short)} too short{example}"
