"""Frames and functionals of whole corpora together, clean and augmented, for nets that read both.

As in :mod:`train.frames`, but windows end as often as on the device, since each has functionals of its own, and those
of an augmented version are taken from the augmented audio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_app.core.baseline import Baseline
from edge_app.core.features import LogMelEgemaps
from edge_app.core.types import Floats
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.augment import WaveformAugmenter
from train.corpora import Utterance, read_utterance
from train.frames import FrameStore
from train.functionals import CUT_HOP
from train.rows import robust_baseline
from train.shards import Arrays, compute_shards
from train.store import StoreSettings, start_worker, worker


@dataclass(frozen=True, slots=True)
class JointStore(FrameStore):
    """Frames and windows of a list of utterances, and functionals of each window.

    Attributes:
        functionals: float32, shape (versions, windows, functionals); version 0 is clean.
    """

    functionals: Floats
    per_hop = 1

    def described(self, last: NDArray[np.int64], version: NDArray[np.int64]) -> Floats:
        """Functionals of windows, by their last frames and versions, both shape (n,): (n, functionals)."""
        return self.functionals[version, np.searchsorted(self.windows[:, 1], last)]

    def complete(self, frames: Floats, last: NDArray[np.int64], version: NDArray[np.int64]) -> Floats:
        """Windows' frames, shape (n, frames, bands), with their functionals: (n, frames, bands + functionals)."""
        described = self.described(last, version)[:, None]
        return np.concatenate((frames, np.broadcast_to(described, (*frames.shape[:2], described.shape[2]))), axis=2)

    def baseline(self, last: NDArray[np.int64], digest: str) -> Baseline:
        """Statistics of the frames of clean windows, each counted once, and of the windows' functionals."""
        bands = FrameStore.baseline(self, last, digest)
        described = robust_baseline(self.described(last, np.zeros(len(last), dtype=np.int64)), digest)
        return Baseline(
            digest,
            bands.count,
            np.concatenate((bands.mean, described.mean)),
            np.concatenate((bands.deviation, described.deviation)),
        )


def build_joint(
    utterances: Sequence[Utterance],
    settings: StoreSettings,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> JointStore:
    """Compute or reload frames and functionals of utterances; arguments as for :func:`train.frames.build_store`."""
    name = partial(settings.shard, "joint", CUT_HOP)
    paths = compute_shards(
        utterances, cache, name, _compute_shard, start_worker, (settings,), workers=workers, progress=progress
    )
    shards = [np.load(path) for path in paths]
    lengths = np.concatenate([shard["lengths"] for shard in shards])
    counts = np.concatenate([shard["counts"] for shard in shards])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    owners = np.repeat(np.arange(len(utterances)), counts)
    extractor = LogMelEgemaps()
    return JointStore(
        utterances=utterances,
        frames=np.concatenate([shard["frames"] for shard in shards], axis=1),
        offsets=offsets,
        windows=np.stack([owners, np.concatenate([shard["last"] for shard in shards]) + offsets[owners]], axis=1),
        speech=np.concatenate([shard["speech"] for shard in shards]),
        frames_per_window=(settings.window - extractor.frame_length) // extractor.frame_hop + 1,
        functionals=np.concatenate([shard["functionals"] for shard in shards], axis=1),
    )


def joint_utterance(
    samples: Floats, extractor: LogMelEgemaps, augmenter: WaveformAugmenter, settings: StoreSettings, number: int
) -> tuple[NDArray[np.float16], Floats, NDArray[np.int64], Floats]:
    """What a store holds of one utterance.

    Args:
        samples: of the utterance.
        extractor: of both.
        augmenter: draws its other versions.
        settings: how many, and the length of a window.
        number: of the utterance: with the seed, what the draws depend on.

    Returns:
        Log-mel frames of all versions, shape (versions, frames, bands); functionals of all windows, shape
        (versions, windows, functionals); the last frame of each window and its fraction of speech, shape (windows,).
    """
    stream = WindowStream(extractor, make_detector("webrtc"), WindowSpec(settings.window, CUT_HOP))
    whole = list(stream.feed(samples))
    windows = [*whole, *stream.flush()]
    least = stream.frames_per_window
    rng = np.random.default_rng((settings.seed, number))
    bands, described = [], []
    last = np.zeros(0, dtype=np.int64)
    for version in range(settings.waveform.copies + 1):
        audio = samples if version == 0 else augmenter(samples, rng)
        extractor.reset()
        frames = np.concatenate((extractor.feed(audio), extractor.finish()))
        if version == 0:
            ends = [(window.end - extractor.frame_length) // extractor.frame_hop for window in whole]
            last = np.array([*ends, *[len(frames) - 1] * (len(windows) - len(whole))], dtype=np.int64)
        rows = [extractor.summarise(frames[max(end + 1 - least, 0) : end + 1], least)[0] for end in last]
        described.append(np.array(rows, dtype=np.float32).reshape(len(last), -1)[:, extractor.bands :])
        filled = np.arange(max(least, len(frames))) % len(frames) if len(frames) else np.zeros(0, dtype=np.int64)
        bands.append(frames[filled, : extractor.bands].astype(np.float16))
    speech = np.array([window.speech for window in windows], dtype=np.float32)
    return np.stack(bands), np.stack(described), np.maximum(last, least - 1), speech


def _compute_shard(first: int, utterances: Sequence[Utterance]) -> Arrays:
    extractor, augmenter, settings = worker()
    assert isinstance(extractor, LogMelEgemaps)
    parts = [
        joint_utterance(read_utterance(utterance), extractor, augmenter, settings, number)
        for number, utterance in enumerate(utterances, start=first)
    ]
    return {
        "frames": np.concatenate([frames for frames, *_ in parts], axis=1),
        "lengths": np.array([frames.shape[1] for frames, *_ in parts]),
        "functionals": np.concatenate([described for _, described, *_ in parts if described.shape[1]], axis=1),
        "counts": np.array([len(last) for *_, last, _ in parts]),
        "last": np.concatenate([last for *_, last, _ in parts]),
        "speech": np.concatenate([speech for *_, speech in parts]),
    }
