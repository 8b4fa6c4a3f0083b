"""eGeMAPS, streaming: both halves of the descriptors joined and smoothed, and their functionals over any window."""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.functionals import functionals
from edge_app.core.features.egemaps.names import (
    COLUMNS,
    DESCRIPTORS,
    FUNCTIONALS,
    PITCH_COLUMN,
    POWER_COLUMN,
    WITHOUT_FORMANTS,
)
from edge_app.core.features.egemaps.smoothing import Smoother
from edge_app.core.features.egemaps.spectral import SpectralDescriptors
from edge_app.core.features.egemaps.voice import VoiceDescriptors
from edge_app.core.features.spec import FeatureSpec
from edge_app.core.types import Floats

VERSION = 2
FULL_SCALE = np.float32(32768.0)
BLOCK = 32000
"""Samples that are taken at once; what comes of more would not fit into a processor's cache."""


class Egemaps:
    """Streaming extractor of the 25 descriptors of eGeMAPS, whose windows are described by its functionals.

    A frame, every 10 ms, holds the descriptors in the order of ``DESCRIPTORS``, smoothed over three frames, and then
    what functionals need besides (``names.COLUMNS`` numbers in all). Samples are read as 16 bits, cut towards zero as
    openSMILE does, so that the silence of a decoded file equals that of a recorded one.

    Args:
        version: which version of these definitions, a number that grows when values change.
        formants: whether formants are looked for, which takes a quarter of the time of all; else there are only the 68
            functionals ``WITHOUT_FORMANTS``, and descriptors that need formants hold what they hold in silence.

    Attributes:
        functionals: their names.

    Raises:
        ValueError: this program computes another version.
    """

    kind = "egemaps"

    def __init__(self, version: int = VERSION, formants: bool = True) -> None:
        if version != VERSION:
            raise ValueError(f"version {version} of the definitions; here is version {VERSION}")
        kind = self.kind if formants else f"{self.kind}-without-formants"
        self.spec = FeatureSpec(kind, {"version": version})
        self.dimension = COLUMNS
        self.functionals = FUNCTIONALS if formants else WITHOUT_FORMANTS
        self.size = len(self.functionals)
        self._kept = np.isin(FUNCTIONALS, self.functionals)
        self._spectral = SpectralDescriptors()
        self._voice = VoiceDescriptors(formants)
        self._smoother = Smoother()
        self.frame_hop = self._spectral.frame_hop
        self.frame_length = self._voice.frame_length + (self._voice.delay + 1) * self.frame_hop
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample fed starts the first frame."""
        self._spectral.reset()
        self._voice.reset()
        self._smoother.reset()
        self._waiting: Floats = np.zeros((0, self._spectral.dimension), dtype=np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Take samples, shape (n,), and return the frames they complete, shape (frames, dimension)."""
        if len(samples) > BLOCK:
            return np.concatenate(
                [self.feed(samples[start : start + BLOCK]) for start in range(0, len(samples), BLOCK)]
            )
        cut = samples * FULL_SCALE
        np.trunc(cut, out=cut)
        cut /= FULL_SCALE
        self._waiting = np.concatenate((self._waiting, self._spectral.feed(cut)))
        return self._smoother.feed(self._joined(self._voice.feed(cut), analysed=True))

    def finish(self) -> Floats:
        """The frames still waiting, shape (n, dimension): the last are too near to the end for voice to be heard in."""
        last = self._joined(self._voice.finish(), analysed=True)
        silent = np.zeros((len(self._waiting), len(DESCRIPTORS) - PITCH_COLUMN), dtype=np.float32)
        frames = np.concatenate((last, self._joined(silent, analysed=False)))
        return np.concatenate((self._smoother.feed(frames), self._smoother.finish()))

    def summarise(self, frames: Floats, count: int) -> Floats:
        """The functionals of the frames there are, shape (size,)."""
        return functionals(frames)[self._kept]

    def _joined(self, voice: Floats, *, analysed: bool) -> Floats:
        """Spectral descriptors and those of the voice of the same frames, and whether the latter could be found."""
        spectral, self._waiting = self._waiting[: len(voice)], self._waiting[len(voice) :]
        frames = np.zeros((len(voice), COLUMNS), dtype=np.float32)
        frames[:, :PITCH_COLUMN] = spectral[:, :PITCH_COLUMN]
        frames[:, PITCH_COLUMN : len(DESCRIPTORS)] = voice
        frames[:, POWER_COLUMN] = spectral[:, -1]
        frames[:, -1] = analysed
        return frames
