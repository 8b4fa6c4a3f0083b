"""The moving average over three frames that eGeMAPS takes of its descriptors.

Those of the spectrum are averaged over all frames; those of the voice over frames where they are not zero; and copies
of the spectral ones, whose voiced and unvoiced means are taken, over frames that are voiced, or unvoiced, like the one
in the middle. At both ends of the audio the outermost frame stands in for the one beyond.
"""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.names import (
    ANALYSED_COLUMN,
    BY_VOICING,
    BY_VOICING_COLUMN,
    COLUMNS,
    DESCRIPTORS,
    PITCH_COLUMN,
    POWER_COLUMN,
    SPECTRAL,
    VOICE,
)
from edge_app.core.types import Floats

NO_AMPLITUDE = np.float32(-201.0)
"""Amplitude of formants where there is no pitch to relate it to, in dB; functionals count it, as openSMILE's do."""
VOICED = slice(PITCH_COLUMN, len(DESCRIPTORS))
AMPLITUDES = slice(PITCH_COLUMN + VOICE.index("F1amplitudeLogRelF0"), len(DESCRIPTORS), 3)
COPIED = slice(SPECTRAL.index(BY_VOICING[0]), SPECTRAL.index(BY_VOICING[0]) + len(BY_VOICING))
COPIES = slice(BY_VOICING_COLUMN, BY_VOICING_COLUMN + len(BY_VOICING))
ONE = np.float32(1.0)


class Smoother:
    """Streaming average of joined frames, shape (n, COLUMNS), not smoothed, into smoothed ones; one frame late."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._kept: Floats = np.zeros((0, COLUMNS), dtype=np.float32)

    def feed(self, frames: Floats) -> Floats:
        """Take frames, and return those whose next frame is known."""
        if len(frames) == 0:
            return frames
        frames = frames.copy()
        unvoiced = frames[:, PITCH_COLUMN] == 0
        frames[unvoiced, VOICED] = 0.0
        heard = unvoiced & (frames[:, ANALYSED_COLUMN] > 0)
        frames[heard, AMPLITUDES] = NO_AMPLITUDE
        frames[:, COPIES] = frames[:, COPIED]
        if len(self._kept) == 0:
            self._kept = frames[:1]
        known = np.concatenate((self._kept, frames))
        self._kept = known[-2:]
        return averaged(known)

    def finish(self) -> Floats:
        """The last frame."""
        return averaged(np.concatenate((self._kept, self._kept[-1:])))


def averaged(known: Floats) -> Floats:
    """Average frames with their neighbours; the first and the last are neighbours only, shape (n - 2, COLUMNS)."""
    # Which values count in the average of the frame before theirs, and that frame's in their own: 1 or 0.
    mutual = np.ones(known[1:].shape, dtype=np.float32)
    filled = known[:, VOICED] != 0
    mutual[:, VOICED] = filled[1:] & filled[:-1]
    pitched = known[:, PITCH_COLUMN] > 0
    mutual[:, COPIES] = (pitched[1:] == pitched[:-1])[:, None]
    mutual[:, POWER_COLUMN:] = 0.0
    before, after = mutual[:-1], mutual[1:]
    total: Floats = before * known[:-2] + known[1:-1]
    total += after * known[2:]
    total /= before + after + ONE
    return total
