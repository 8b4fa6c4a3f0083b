"""Frames of whole corpora, clean and augmented, computed once by the device's own code and kept on disk.

A store holds the frames of every version of every utterance, and where its windows with speech end. A window of an
augmented version covers the same speech as the clean one: it is cut where voice activity found speech in the clean
recording, because in training it is known where the speaker speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_app.core.baseline import Baseline, BaselineAccumulator
from edge_app.core.features import EXTRACTORS, FrameExtractor
from edge_app.core.types import Floats
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.augment import WaveformAugmenter
from train.corpora import Utterance
from train.corpora.audio import read_utterance
from train.shards import Arrays, compute_shards
from train.store import StoreSettings, start_worker, worker

CUT_HOP = 2000
"""Training windows end every 0.125 s: twice as dense as the default hop."""

CHUNK = 4096
"""Frames that statistics take at once."""


@dataclass(frozen=True, slots=True)
class FrameStore:
    """Frames and windows of a list of utterances.

    Attributes:
        utterances: in the order of the stores's rows.
        frames: float16, shape (versions, frames, dimension) over all utterances; version 0 is clean. Half precision
            rounds a level by at most 0.03 dB.
        offsets: shape (utterances + 1,): where each utterance's frames begin.
        windows: int64, shape (windows, 2): utterance, and the number of the window's last frame within ``frames``.
        speech: float32, shape (windows,): fraction of the window that is speech.
        frames_per_window: frames that a window reads, ending with its last.
    """

    utterances: Sequence[Utterance]
    frames: NDArray[np.float16]
    offsets: NDArray[np.int64]
    windows: NDArray[np.int64]
    speech: Floats
    frames_per_window: int
    per_hop: ClassVar[int] = WindowSpec().hop // CUT_HOP
    """How many windows there are in a device's hop."""

    def gather(self, last: NDArray[np.int64], version: NDArray[np.int64], margin: int = 0) -> Floats:
        """Frames of windows.

        Args:
            last: shape (n,): number of each window's last frame.
            version: shape (n,): which version of the utterance.
            margin: frames more on either side, as far as the utterance has them (its edge frame is repeated).

        Returns:
            float32, shape (n, frames_per_window + 2 * margin, dimension).
        """
        rows = last[:, None] + np.arange(-self.frames_per_window - margin + 1, margin + 1)
        utterance = np.searchsorted(self.offsets, last, side="right") - 1
        first, final = self.offsets[utterance], self.offsets[utterance + 1] - 1
        rows = np.clip(rows, first[:, None], final[:, None])
        return np.asarray(self.frames[version[:, None], rows], dtype=np.float32)

    def clean(self, last: NDArray[np.int64]) -> Floats:
        """Windows as the device reads them, by their last frames, shape (n,): (n, frames_per_window, dimension)."""
        version = np.zeros(len(last), dtype=np.int64)
        return self.complete(self.gather(last, version), last, version)

    def complete(self, frames: Floats, last: NDArray[np.int64], version: NDArray[np.int64]) -> Floats:
        """Windows as nets read them, of their frames, which may be augmented: here these themselves."""
        return frames

    def baseline(self, last: NDArray[np.int64], digest: str) -> Baseline:
        """Statistics over the clean frames of windows, given by their last frames, each frame counted once."""
        accumulator = BaselineAccumulator(self.frames.shape[2])
        inside = np.zeros(self.frames.shape[1] + 1, dtype=np.int64)
        np.add.at(inside, last - self.frames_per_window + 1, 1)
        np.add.at(inside, last + 1, -1)
        rows = np.flatnonzero(np.cumsum(inside[:-1]) > 0)
        for begin in range(0, len(rows), CHUNK):
            accumulator.add(self.frames[0, rows[begin : begin + CHUNK]].astype(np.float32))
        return accumulator.baseline(digest)

    def speech_windows(self, least: float) -> NDArray[np.int64]:
        """Numbers of the windows with at least ``least`` speech; an utterance without any gives its best one."""
        chosen = self.speech >= least
        best = np.full(len(self.utterances), -1.0)
        np.maximum.at(best, self.windows[:, 0], self.speech)
        has_any = np.zeros(len(self.utterances), dtype=bool)
        has_any[self.windows[chosen, 0]] = True
        rescue = ~has_any[self.windows[:, 0]] & (self.speech >= best[self.windows[:, 0]])
        return np.flatnonzero(chosen | rescue)


def compute_utterance(
    samples: Floats, extractor: FrameExtractor, augmenter: WaveformAugmenter, settings: StoreSettings, number: int
) -> tuple[NDArray[np.float16], NDArray[np.int64], Floats]:
    """Frames of all versions of one utterance, the last frame of each window, and its speech fraction."""
    detector = make_detector("webrtc")
    stream = WindowStream(extractor, detector, WindowSpec(settings.window, CUT_HOP))
    windows = [*stream.feed(samples), *stream.flush()]
    speech = np.array([window.speech for window in windows], dtype=np.float32)
    rng = np.random.default_rng((settings.seed, number))
    versions = []
    for version in range(settings.waveform.copies + 1):
        extractor.reset()
        frames = extractor.feed(samples if version == 0 else augmenter(samples, rng))
        if 0 < len(frames) < stream.frames_per_window:
            frames = frames[np.arange(stream.frames_per_window) % len(frames)]
        versions.append(frames.astype(np.float16))
    complete = np.array([(window.end - extractor.frame_length) // extractor.frame_hop for window in windows], np.int64)
    last = np.clip(complete, stream.frames_per_window - 1, len(versions[0]) - 1)
    return np.stack(versions), last, speech


def _compute_shard(first: int, utterances: Sequence[Utterance]) -> Arrays:
    extractor, augmenter, settings = worker()
    parts = []
    for number, utterance in enumerate(utterances, start=first):
        extractor.reset()
        parts.append(compute_utterance(read_utterance(utterance), extractor, augmenter, settings, number))
    return {
        "frames": np.concatenate([part[0] for part in parts], axis=1),
        "lengths": np.array([part[0].shape[1] for part in parts]),
        "counts": np.array([len(part[1]) for part in parts]),
        "last": np.concatenate([part[1] for part in parts]),
        "speech": np.concatenate([part[2] for part in parts]),
    }


def build_store(
    utterances: Sequence[Utterance],
    settings: StoreSettings,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FrameStore:
    """Compute or reload the frames of utterances. Shards that are already in the cache are not computed again.

    Args:
        utterances: what to read.
        settings: features and augmentation.
        cache: folder that keeps the shards.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.
    """
    name = partial(settings.shard, "features", CUT_HOP)
    paths = compute_shards(
        utterances, cache, name, _compute_shard, start_worker, (settings,), workers=workers, progress=progress
    )
    return _load(utterances, paths, settings)


def _load(utterances: Sequence[Utterance], paths: Sequence[Path], settings: StoreSettings) -> FrameStore:
    shards = [np.load(path) for path in paths]
    lengths = np.concatenate([shard["lengths"] for shard in shards])
    counts = np.concatenate([shard["counts"] for shard in shards])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    owners = np.repeat(np.arange(len(utterances)), counts)
    last = np.concatenate([shard["last"] for shard in shards]) + offsets[owners]
    extractor = EXTRACTORS[settings.kind]()
    return FrameStore(
        utterances=utterances,
        frames=np.concatenate([shard["frames"] for shard in shards], axis=1),
        offsets=offsets,
        windows=np.stack([owners, last], axis=1),
        speech=np.concatenate([shard["speech"] for shard in shards]),
        frames_per_window=(settings.window - extractor.frame_length) // extractor.frame_hop + 1,
    )
