"""Local jitter and shimmer: how much successive pitch periods differ in length and in amplitude.

Periods are found by waveform matching (Eyben, "Real-time Speech and Music Classification by Large Audio Feature Space
Extraction", 2016): a stretch of one pitch period is compared with what follows it, and the lag of the highest
normalised cross-correlation near the pitch period is the period's length. The search runs through a voiced stretch from
period to period, so a frame tells of the periods that its 10 ms of new audio complete.
"""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

HISTORY = 800
"""Samples before a frame that a match may begin in: two of the longest periods and their tolerance."""

TOLERANCE = 0.2
ALIKE = 0.5


class PeriodMatcher:
    """Follows the periods of a voice from frame to frame.

    Args:
        hop: samples between the starts of two frames.
    """

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self.reset()

    def reset(self) -> None:
        """Forget the voice: the next frame begins a new one."""
        # Where the next period begins, in samples after the next frame's start.
        self._position: int | None = None
        self._last: float | None = None

    def describe(self, samples: Doubles, start: int, fundamental: float) -> tuple[float, float]:
        """Take the next frame.

        Args:
            samples: the audio around the frame.
            start: the frame's first sample within it; at least ``HISTORY`` lie before it, and ``hop`` after it.
            fundamental: in hertz; 0 where unvoiced.

        Returns:
            jitter (mean difference of successive periods over their mean length) and shimmer (in dB, of one and the
            mean difference of their peak-to-peak amplitudes over their mean); 0 where the frame completes too few
            periods, or none that are alike.
        """
        if not fundamental:
            self.reset()
            return 0.0, 0.0
        period = SAMPLE_RATE / fundamental
        length = round(period)
        shortest = max(2, int(period * (1 - TOLERANCE)))
        longest = int(np.ceil(period * (1 + TOLERANCE)))
        position = start if self._position is None else start + self._position
        last_start = start + self._hop - longest - length
        lengths, changes, contrasts = [], [], []
        while position <= last_start:
            found = match(samples[position : position + longest + length], length, shortest)
            if found is None:
                position += length
                continue
            lag, exact = found
            here, there = (samples[at : at + lag] for at in (position, position + lag))
            heights = float(here.max() - here.min()), float(there.max() - there.min())
            contrasts.append(min(1.0, 2 * abs(heights[0] - heights[1]) / sum(heights)))
            if self._last is not None:
                changes.append(abs(exact - self._last))
            lengths.append(exact)
            self._last = exact
            position += lag
        self._position = position - start - self._hop
        jitter = sum(changes) / len(changes) * len(lengths) / sum(lengths) if changes else 0.0
        shimmer = 20 * np.log10(1 + sum(contrasts) / len(contrasts)) if contrasts else 0.0
        return jitter, float(shimmer)


def match(stretch: Doubles, length: int, shortest: int) -> tuple[int, float] | None:
    """The lag at which the beginning of a stretch comes again.

    Args:
        stretch: samples.
        length: how many of its samples are compared.
        shortest: the least lag; the greatest is what the stretch has room for.

    Returns:
        the lag in whole samples, and to a fraction of one; None where nothing alike follows.
    """
    beginning, rest = stretch[:length], stretch[shortest:]
    products = np.correlate(rest, beginning)
    energy = np.cumsum(rest * rest)
    energies = energy[length - 1 :].copy()
    energies[1:] -= energy[:-length]
    scale = np.maximum(energies * float(beginning @ beginning), 1e-20)
    likeness = products / np.sqrt(scale)
    best = int(likeness.argmax())
    if not 0 < best < len(likeness) - 1 or likeness[best] <= ALIKE:
        return None
    left, middle, right = likeness[best - 1 : best + 2].tolist()
    bend = left - 2 * middle + right
    return shortest + best, shortest + best + (0.5 * (left - right) / bend if bend < 0 else 0.0)
