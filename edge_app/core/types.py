"""The central values that travel through the pipeline.

Time is an integer count of 16 kHz samples from the start of the source; seconds appear only where people or files
read them (:func:`seconds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second everywhere inside the program."""

Floats: TypeAlias = NDArray[np.float32]
State: TypeAlias = Literal["speech", "no-speech", "uncertain"]
Reason: TypeAlias = Literal["noise", "confidence"]


def _no_frames() -> Floats:
    return np.zeros((0, 0), dtype=np.float32)


def seconds(samples: int) -> float:
    """Convert a count of 16 kHz samples to seconds."""
    return samples / SAMPLE_RATE


def samples(duration: float) -> int:
    """Convert seconds to the nearest count of 16 kHz samples."""
    return round(duration * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """A stretch of 16 kHz mono audio.

    Attributes:
        samples: float32, shape (n,), in [-1, 1].
        start: position of the first sample since the start of the source. A start beyond the end of the block before
            it means that audio was lost in between.
        overflowed: the device reported that it lost audio before this block.
    """

    samples: Floats
    start: int
    overflowed: bool = False

    @property
    def end(self) -> int:
        """Position just after the last sample."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, ``end`` exclusive. While it goes on, ``is_final`` is false and ``end`` is the present."""

    start: int
    end: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The features of one stretch of audio, what a model reads to make one estimate.

    Attributes:
        features: float32, not yet normalised: frames, shape (frames, dimension), or functionals, shape (size,).
        start: first sample.
        end: one past the last sample.
        speech: the fraction of the window that is speech, in [0, 1].
        snr: signal-to-noise ratio of the last seconds in decibels; None where nobody measured it.
        fresh: float32, shape (frames, dimension): the frames at its end that no window before it had.
        begins: it is the first of its stream, or the first after audio was lost.
    """

    features: Floats
    start: int
    end: int
    speech: float
    snr: float | None = None
    fresh: Floats = field(default_factory=_no_frames)
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the program believes about one window.

    Attributes:
        start: first sample of the window.
        end: one past its last sample.
        state: ``speech``; ``no-speech`` (too little speech: no label, no scores); ``uncertain`` (scores, but none
            high enough for a label).
        label: the most probable class, or None.
        confidence: its probability in [0, 1], or None without speech.
        scores: probability of every class after smoothing; empty without speech.
        arousal: in [-1, 1], or None where the model has no such output or there is no speech.
        valence: as arousal.
        dominance: as arousal.
        speech: the fraction of the window that is speech, in [0, 1].
        compute_seconds: time spent on this update: voice activity, features, model and smoothing.
        wearer: how much of the baseline's mean was the wearer's own, in [0, 1]; 0 where the bundle's is used.
        snr: signal-to-noise ratio of the last seconds in decibels, -10 to 40; None without speech.
        reason: why the state is ``uncertain``: ``noise`` (the model is known not to do well at such a ratio), or
            ``confidence`` (no class is likely enough); None in the other states.
    """

    start: int
    end: int
    state: State
    label: str | None
    confidence: float | None
    scores: Mapping[str, float]
    arousal: float | None
    valence: float | None
    dominance: float | None
    speech: float
    compute_seconds: float
    wearer: float = 0.0
    snr: float | None = None
    reason: Reason | None = None
