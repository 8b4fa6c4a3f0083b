"""Collecting: from audio at a place to the windows of one model's features, of which nothing else is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np

from edge_app.audio.source import AudioSource
from edge_app.bundle import ModelBundle
from edge_app.collected import capacity
from edge_app.core.snr import SnrMeter
from edge_app.core.types import AudioBlock, Floats, Window, samples, seconds
from edge_app.core.wearer import LEAST_SPEECH
from edge_app.counted import counted
from edge_app.errors import CollectionError
from edge_app.pipeline import WindowStream
from edge_app.session import level_dbfs
from edge_app.vad import make_detector


class Collection:
    """Hears a place through the front half of the pipeline and keeps what a model would have read.

    Args:
        bundle: the model whose features are collected.
        megabytes: the most that a file of them may take.
        everything: keep windows without speech, too.

    Attributes:
        size: functionals of a window.
        samples: of audio so far.
        speech: seconds of speech in the windows that were kept, each counted once.

    Raises:
        FeatureMismatch: this version does not compute the model's features.
        CollectionError: the model reads frames, or not one window fits into so small a file.
    """

    def __init__(self, bundle: ModelBundle, megabytes: float, everything: bool = False) -> None:
        extractor = bundle.make_extractor()
        silence = np.zeros((1, extractor.dimension), dtype=np.float32)
        found = extractor.summarise(silence, 1)
        if found.ndim != 1:
            raise CollectionError(
                f"{bundle.name} reads {bundle.feature_kind} frames, from which speech can be made audible again, so "
                "they are not stored; give a model of functionals, such as eGeMAPS"
            )
        self.size = len(found)
        self._room = capacity(self.size, megabytes)
        if self._room == 0:
            raise CollectionError(f"--max-mb {megabytes:g}: not one window of {self.size} numbers fits; give more")
        self._stream = WindowStream(extractor, make_detector("webrtc"), bundle.window, meter=SnrMeter())
        self._everything = everything
        self._rows: list[tuple[Floats, float, float]] = []
        self._until = 0
        self.samples = 0
        self.speech = 0.0

    def __len__(self) -> int:
        """Windows that are kept."""
        return len(self._rows)

    @property
    def heard(self) -> float:
        """Seconds of audio so far."""
        return seconds(self.samples)

    @property
    def full(self) -> bool:
        """No more windows fit into the file."""
        return len(self._rows) >= self._room

    def feed(self, block: AudioBlock) -> None:
        """Take a block of audio."""
        self.samples += len(block.samples)
        self._keep(self._stream.feed(block.samples, block.start))

    def finish(self) -> tuple[Floats, Floats, Floats]:
        """End the audio.

        Returns:
            Functionals, shape (windows, functionals), the fraction of speech of each window, and the signal-to-noise
            ratio in decibels (NaN where unknown), shape (windows,) each. Their order is random, drawn by the system:
            it says nothing of what was said after what.

        Raises:
            CollectionError: there is no window to keep.
        """
        self._keep(self._stream.flush())
        if len(self._rows) < 2:
            sought = counted(len(self._rows), "window") + ("" if self._everything else " with speech")
            raise CollectionError(f"{sought} in {self.heard:.1f} s of audio, two are the least; nothing was stored")
        order = np.random.default_rng().permutation(len(self._rows))
        values = np.array([self._rows[number][0] for number in order], dtype=np.float32)
        speech, snr = np.array([self._rows[number][1:] for number in order], dtype=np.float32).T.copy()
        return values, speech, snr

    def _keep(self, windows: Iterable[Window]) -> None:
        for window in windows:
            if self.full or not (self._everything or window.speech >= LEAST_SPEECH):
                continue
            self._rows.append((window.features, window.speech, np.nan if window.snr is None else window.snr))
            self.speech += seconds(window.end - max(window.start, self._until)) * window.speech
            self._until = window.end


def record(
    collection: Collection,
    source: AudioSource,
    wanted: float | None,
    stop: threading.Event,
    show: Callable[[float, float], object],
) -> None:
    """Collect from a source until it ends, was heard for long enough, fills the file, or is stopped.

    Args:
        collection: what hears.
        source: where audio comes from.
        wanted: seconds of audio; None takes all of a file.
        stop: set by whoever wants to end it; what was collected stays.
        show: told seconds of speech so far and the newest level in dBFS.
    """

    def deliver(block: AudioBlock) -> None:
        if wanted is not None:
            left = max(0, samples(wanted) - collection.samples)
            block = AudioBlock(block.samples[:left], block.start, block.overflowed)
        collection.feed(block)
        show(collection.speech, level_dbfs(block))
        if collection.full or (wanted is not None and collection.heard >= wanted):
            stop.set()

    source.run(deliver, stop)
