"""Local jitter and shimmer: how much successive pitch periods differ in length and in amplitude.

Periods are found by waveform matching (Eyben, "Real-time Speech and Music Classification by Large Audio Feature Space
Extraction", 2016): a stretch of one pitch period is compared with what follows it, and the lag of the highest
normalised cross-correlation near the pitch period is the period's length. The search runs through a voiced stretch from
period to period, so a frame tells of the periods that its 10 ms of new audio complete.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

HISTORY = 800
"""Samples before a frame that a match may begin in: two of the longest periods and their tolerance."""

TOLERANCE = 0.2
ALIKE = 0.5
FAINTEST = 1e-10
"""Least energy of a stretch."""


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

    def describe(self, samples: Doubles, start: int, fundamental: Doubles) -> tuple[Doubles, Doubles]:
        """Take the next frames.

        Args:
            samples: the audio around the frames, of 16 bits, so that sums of squares are exact wherever they begin.
            start: the first frame's first sample within it; at least ``HISTORY`` lie before it, and after the start of
                the last frame ``hop`` and half of the longest period.
            fundamental: of each frame, in hertz, shape (frames,); 0 where unvoiced.

        Returns:
            jitter (mean difference of successive periods over their mean length) and shimmer (in dB, of one and the
            mean difference of their peak-to-peak amplitudes over their mean), both of shape (frames,); 0 where a frame
            completes too few periods, or none that are alike.
        """
        jitter, shimmer = np.zeros(len(fundamental)), np.zeros(len(fundamental))
        if len(fundamental) and not fundamental.any():
            self.reset()
            return jitter, shimmer
        # Matches end within the last frame's hop.
        heard = samples[: start + len(fundamental) * self._hop]
        energy = np.zeros(len(heard) + 1)
        np.add.accumulate(heard * heard, out=energy[1:])
        found: list[tuple[int, int]] = []
        # Of each frame that completes periods: its number, the first of these, and how many they are.
        frames: list[tuple[int, int, int]] = []
        for number, hertz in enumerate(fundamental.tolist()):
            if not hertz:
                self.reset()
                continue
            before = len(found)
            jitter[number] = self._follow(samples, energy, start + number * self._hop, SAMPLE_RATE / hertz, found)
            if len(found) > before:
                frames.append((number, before, len(found) - before))
        if found:
            filled, firsts, counts = np.array(frames).T
            mean = np.add.reduceat(contrast(samples, np.array(found)), firsts) / counts
            shimmer[filled] = 20 * np.log10(1 + mean)
        return jitter, shimmer

    def _follow(
        self, samples: Doubles, energy: Doubles, start: int, period: float, found: list[tuple[int, int]]
    ) -> float:
        """Add the periods that a voiced frame completes, the start and length of each, and tell its jitter."""
        length = round(period)
        shortest = max(2, int(period * (1 - TOLERANCE)))
        longest = math.ceil(period * (1 + TOLERANCE))
        position = start if self._position is None else start + self._position
        last_start = start + self._hop - longest - length
        if position > last_start:
            self._position = position - start - self._hop
            return 0.0
        last = self._last
        count = changes = 0
        whole = change = 0.0
        while position <= last_start:
            lag, exact = match(samples, energy, position, length, shortest, longest)
            if not lag:
                position += length
                continue
            if last is not None:
                change += abs(exact - last)
                changes += 1
            found.append((position, lag))
            last = exact
            whole += exact
            count += 1
            position += lag
        self._last = last
        self._position = position - start - self._hop
        return change / changes * count / whole if changes else 0.0


def contrast(samples: Doubles, periods: NDArray[np.intp]) -> Doubles:
    """How much the peak-to-peak amplitude of each period differs from that of what follows, over their mean.

    Args:
        samples: the audio, with more than the length of each period after it.
        periods: start and length of each, shape (periods, 2).

    Returns:
        shape (periods,), at most 1.
    """
    # From each start to the next one: the period, what follows it, and a rest that is of no use.
    starts = (periods[:, :1] + periods[:, 1:] * np.arange(3)).ravel()
    heights = np.maximum.reduceat(samples, starts) - np.minimum.reduceat(samples, starts)
    here, there = heights[::3], heights[1::3]
    difference: Doubles = np.minimum(1.0, 2 * np.abs(here - there) / (here + there))
    return difference


def match(
    samples: Doubles, energy: Doubles, position: int, length: int, shortest: int, longest: int
) -> tuple[int, float]:
    """The lag at which a stretch of audio comes again.

    Args:
        samples: the audio.
        energy: sum of the squares of the samples before each, shape (samples + 1,).
        position: where the stretch begins.
        length: its samples.
        shortest: the least lag.
        longest: the greatest lag.

    Returns:
        the lag in whole samples, and to a fraction of one; 0 where nothing alike follows.
    """
    first, last = position + shortest, position + longest + 1
    norm = energy[first + length : last + length] - energy[first:last]
    np.sqrt(np.maximum(norm, FAINTEST, out=norm), out=norm)
    likeness = np.correlate(samples[first : last + length - 1], samples[position : position + length])
    likeness /= norm
    best = int(likeness.argmax())
    if not 0 < best < len(likeness) - 1:
        return 0, 0.0
    left, middle, right = likeness[best - 1 : best + 2].tolist()
    if middle <= ALIKE * math.sqrt(max(energy[position + length] - energy[position], FAINTEST)):
        return 0, 0.0
    bend = left - 2 * middle + right
    return shortest + best, shortest + best + (0.5 * (left - right) / bend if bend < 0 else 0.0)
