"""Functionals of every window of whole corpora, clean and augmented, computed once by the device's own code.

The windows are those that the device cuts. One of an augmented version covers the same audio as the clean one, and how
much of it is speech is known from the clean one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from edge_app.core.features import FrameExtractor
from edge_app.core.types import Floats, Window
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.augment import WaveformAugmenter
from train.corpora import Utterance, read_utterance
from train.shards import Arrays, compute_shards
from train.store import StoreSettings, start_worker, worker

CUT_HOP = WindowSpec().hop
"""Windows end as often as on the device: functionals of windows that lie closer are nearly the same."""


@dataclass(frozen=True, slots=True)
class FunctionalTable:
    """Functionals of the windows of a list of utterances.

    Attributes:
        utterances: in the order of the rows.
        values: float32, shape (versions, windows, functionals); version 0 is clean.
        owner: the utterance that each window belongs to, shape (windows,), ascending.
        speech: fraction of each window that is speech, shape (windows,).
    """

    utterances: Sequence[Utterance]
    values: Floats
    owner: NDArray[np.int64]
    speech: Floats

    def speech_windows(self, least: float) -> NDArray[np.int64]:
        """Numbers of the windows with at least ``least`` speech; an utterance without any gives its best ones."""
        best = np.full(len(self.utterances), -1.0)
        np.maximum.at(best, self.owner, self.speech)
        return np.flatnonzero(self.speech >= np.minimum(best[self.owner], least))


def build_table(
    utterances: Sequence[Utterance],
    settings: StoreSettings,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FunctionalTable:
    """Compute or reload the functionals of utterances. Shards that are already in the cache are not computed again.

    Args:
        utterances: what to read.
        settings: features, which must be functionals, and augmentation.
        cache: folder that keeps the shards.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.
    """
    name = partial(settings.shard, "functionals", CUT_HOP)
    paths = compute_shards(
        utterances, cache, name, _compute_shard, start_worker, (settings,), workers=workers, progress=progress
    )
    shards = [np.load(path) for path in paths]
    counts = np.concatenate([shard["counts"] for shard in shards])
    return FunctionalTable(
        utterances=utterances,
        values=np.concatenate([shard["values"] for shard in shards], axis=1),
        owner=np.repeat(np.arange(len(utterances)), counts),
        speech=np.concatenate([shard["speech"] for shard in shards]),
    )


def window_functionals(
    samples: Floats, extractor: FrameExtractor, augmenter: WaveformAugmenter, settings: StoreSettings, number: int
) -> tuple[Floats, Floats]:
    """Functionals of the windows of all versions of an utterance, and the fraction of each that is speech.

    Args:
        samples: of the utterance.
        extractor: of functionals.
        augmenter: draws its other versions.
        settings: how many, and the length of a window.
        number: of the utterance: with the seed, what the draws depend on.

    Returns:
        Shapes (versions, windows, functionals) and (windows,).
    """
    spec = WindowSpec(settings.window, CUT_HOP)
    clean = _windows(samples, WindowStream(extractor, make_detector("webrtc"), spec))
    versions = [[window.features for window in clean]]
    rng = np.random.default_rng((settings.seed, number))
    everything = WindowStream(extractor, make_detector("none"), spec)
    for _ in range(settings.waveform.copies):
        versions.append([window.features for window in _windows(augmenter(samples, rng), everything)])
    return np.array(versions, dtype=np.float32), np.array([window.speech for window in clean], dtype=np.float32)


def _windows(samples: Floats, stream: WindowStream) -> list[Window]:
    stream.reset()
    return [*stream.feed(samples), *stream.flush()]


def _compute_shard(first: int, utterances: Sequence[Utterance]) -> Arrays:
    extractor, augmenter, settings = worker()
    parts = [
        window_functionals(read_utterance(utterance), extractor, augmenter, settings, number)
        for number, utterance in enumerate(utterances, start=first)
    ]
    return {
        "values": np.concatenate([values for values, _ in parts if values.shape[1]], axis=1),
        "counts": np.array([len(speech) for _, speech in parts]),
        "speech": np.concatenate([speech for _, speech in parts]),
    }
