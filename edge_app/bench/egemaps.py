"""Our eGeMAPS next to openSMILE's: a window as audio arrives, and a whole recording."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from edge_app.bench.figures import Figure, Subject, timed
from edge_app.bench.machine import one_core
from edge_app.bench.peer import egemaps
from edge_app.bench.speech import endless, read_speech
from edge_app.core.features import Egemaps
from edge_app.core.types import SAMPLE_RATE, Floats, samples, seconds
from edge_app.core.windows import FrameHistory

HOP = samples(0.25)
WARM_UP = 20
WINDOWS_PER_ROUND = 10
WINDOWS_PER_RECORDING = 200
Peer: TypeAlias = Callable[[Floats], Any]


def measure_egemaps(subject: Subject) -> Iterator[Figure]:
    """Time functionals of windows and of a recording, and openSMILE's in turns with them, on one core."""
    speech = read_speech(subject.speech)
    functionals = egemaps()
    with one_core():
        own, other = _windows(speech, subject.updates, functionals)
        yield timed("egemaps_window", "eGeMAPS of a second, every 0.25 s", own)
        yield from _compared("egemaps_window", "openSMILE eGeMAPSv02, the same second", own, other)
        own, other = _recordings(speech, max(1, subject.updates // WINDOWS_PER_RECORDING), functionals)
        factor = float(np.median(own)) / seconds(len(speech))
        yield Figure("egemaps_rtf", "eGeMAPS of a recording, real-time factor", "", factor, count=len(own))
        yield from _compared("egemaps_recording", "openSMILE eGeMAPSv02, the recording", own, other)


def _windows(speech: Floats, count: int, peer: Peer | None) -> tuple[list[float], list[float]]:
    """Seconds that each new window takes, and that the other program takes for some of them."""
    extractor = Egemaps()
    frames = (SAMPLE_RATE - extractor.frame_length) // extractor.frame_hop + 1
    history = FrameHistory(frames, extractor.dimension)
    own: list[float] = []
    other: list[float] = []
    for number, block in enumerate(itertools.islice(endless(speech, HOP), WARM_UP + count)):
        began = time.perf_counter()
        history.append(extractor.feed(block.samples))
        extractor.summarise(history.between(history.count - frames, history.count), frames)
        elapsed = time.perf_counter() - began
        if number < WARM_UP:
            continue
        own.append(elapsed)
        if peer is not None and number % WINDOWS_PER_ROUND == 0:
            window = speech[np.arange(block.end - SAMPLE_RATE, block.end) % len(speech)]
            other.append(_timed(peer, window))
    return own, other


def _recordings(speech: Floats, count: int, peer: Peer | None) -> tuple[list[float], list[float]]:
    """Seconds that a whole recording takes, each time, and that it takes the other program."""
    own: list[float] = []
    other: list[float] = []
    for _ in range(count):
        own.append(_timed(whole, speech))
        if peer is not None:
            other.append(_timed(peer, speech))
    return own, other


def whole(speech: Floats) -> Floats:
    """The functionals of a whole recording, shape (88,)."""
    extractor = Egemaps()
    frames = np.concatenate((extractor.feed(speech), extractor.finish()))
    return extractor.summarise(frames, len(frames))


def _timed(describe: Peer, audio: Floats) -> float:
    began = time.perf_counter()
    describe(audio)
    return time.perf_counter() - began


def _compared(key: str, what: str, own: list[float], other: list[float]) -> Iterator[Figure]:
    if not other:
        yield Figure(f"{key}_peer", what, "ms", None, count=0, note="opensmile is not installed")
        return
    yield timed(f"{key}_peer", what, other)
    ratio = float(np.median(other) / np.median(own))
    yield Figure(f"{key}_ratio", f"{what}: ratio", "", ratio, count=len(other))
