"""Enrolment: from somebody's ordinary speech to statistics of every feature set that the models here need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from edge_app.audio.source import AudioSource, Notify, ignore
from edge_app.bundle import ModelBundle
from edge_app.core.types import AudioBlock, seconds
from edge_app.core.wearer import HeardSpeech, WearerStatistics
from edge_app.core.windows import WindowSpec
from edge_app.errors import BaselineError
from edge_app.pipeline import WindowStream
from edge_app.session import level_dbfs
from edge_app.soundcheck import SoundCheck
from edge_app.vad import make_detector

LEAST_SECONDS = 5.0
"""Less speech than this is refused: its mean says more about the words than about the voice."""

PATIENCE = 15.0
"""Seconds of audio from a microphone after which somebody should have begun to speak."""


class Enrolment:
    """Hears ordinary speech through the front half of the pipeline, once for each feature set.

    Args:
        bundles: the models that the baseline is for, at least one.

    Raises:
        FeatureMismatch: this version does not compute the features of one of them.
    """

    def __init__(self, bundles: Sequence[ModelBundle]) -> None:
        self.sound = SoundCheck()
        self._streams: dict[tuple[str, int], tuple[WindowStream, HeardSpeech]] = {}
        for bundle in bundles:
            key = bundle.feature_digest, bundle.window.length
            if key not in self._streams:
                extractor = bundle.make_extractor()
                stream = WindowStream(extractor, make_detector("webrtc"), WindowSpec(bundle.window.length))
                self._streams[key] = stream, HeardSpeech(bundle.baseline)

    @property
    def seconds(self) -> float:
        """Seconds of speech heard so far, by all feature sets."""
        return min(heard.seconds for _, heard in self._streams.values())

    @property
    def duration(self) -> float:
        """Seconds of audio taken so far."""
        return seconds(self.sound.samples)

    def feed(self, block: AudioBlock) -> None:
        """Take a block of audio."""
        self.sound.feed(block.samples)
        for stream, heard in self._streams.values():
            for window in stream.feed(block.samples, block.start):
                heard.hear(window)

    def finish(self) -> tuple[WearerStatistics, ...]:
        """End the audio and return the statistics of each feature set.

        Raises:
            BaselineError: this was no ordinary speech, or too little; the text says why.
        """
        for stream, heard in self._streams.values():
            for window in stream.flush():
                heard.hear(window)
        if problem := self.sound.problem():
            raise BaselineError(f"cannot enrol from {problem}")
        if self.seconds < LEAST_SECONDS:
            raise BaselineError(
                f"cannot enrol from {self.seconds:.1f} s of speech (in {self.duration:.1f} s of audio); at least "
                f"{LEAST_SECONDS:g} s are needed, 30 s are good"
            )
        return tuple(heard.statistics(digest, window) for (digest, window), (_, heard) in self._streams.items())


def record(
    enrolment: Enrolment,
    source: AudioSource,
    wanted: float | None,
    stop: threading.Event,
    show: Callable[[float, float], object],
    notify: Notify = ignore,
) -> None:
    """Enrol from a source until there is enough speech, or it ends, or a microphone brings no speech.

    Args:
        enrolment: what hears.
        source: where audio comes from.
        wanted: seconds of speech; None takes all that a file has.
        stop: set by whoever wants to end it.
        show: told seconds of speech so far and the newest level in dBFS.
        notify: told what the source says meanwhile, such as that a recording holds nothing of the upper bands.

    Raises:
        BaselineError: it was stopped before there was enough.
    """
    finished = False

    def deliver(block: AudioBlock) -> None:
        nonlocal finished
        enrolment.feed(block)
        show(enrolment.seconds, level_dbfs(block))
        enough = wanted is not None and enrolment.seconds >= wanted
        hopeless = source.realtime and enrolment.duration > PATIENCE + 3 * enrolment.seconds
        if enough or hopeless:
            finished = True
            stop.set()

    reason = source.run(deliver, stop, notify)
    if reason == "interrupted" and not finished:
        raise BaselineError(f"interrupted after {enrolment.seconds:.1f} s of speech; nothing was stored")
