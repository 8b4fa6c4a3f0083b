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
            samples: the audio around the frames.
            start: the first frame's first sample within it; at least ``HISTORY`` lie before it, and after the start of
                the last frame ``hop`` and half of the longest period.
            fundamental: of each frame, in hertz, shape (frames,); 0 where unvoiced.

        Returns:
            jitter (mean difference of successive periods over their mean length) and shimmer (in dB, of one and the
            mean difference of their peak-to-peak amplitudes over their mean), both of shape (frames,); 0 where a frame
            completes too few periods, or none that are alike.
        """
        jitter, shimmer = np.zeros(len(fundamental)), np.zeros(len(fundamental))
        found: list[tuple[int, int]] = []
        counts: list[int] = []
        for number, hertz in enumerate(fundamental.tolist()):
            before = len(found)
            if hertz:
                jitter[number] = self._follow(samples, start + number * self._hop, SAMPLE_RATE / hertz, found)
            else:
                self.reset()
            counts.append(len(found) - before)
        if found:
            contrasts = contrast(samples, np.array(found))
            number_of = np.array(counts)
            firsts = np.cumsum(number_of) - number_of
            filled = number_of > 0
            mean = np.add.reduceat(contrasts, firsts[filled]) / number_of[filled]
            shimmer[filled] = 20 * np.log10(1 + mean)
        return jitter, shimmer

    def _follow(self, samples: Doubles, start: int, period: float, found: list[tuple[int, int]]) -> float:
        """Add the periods that a voiced frame completes, the start and length of each, and tell its jitter."""
        length = round(period)
        shortest = max(2, int(period * (1 - TOLERANCE)))
        longest = math.ceil(period * (1 + TOLERANCE))
        position = start if self._position is None else start + self._position
        last_start = start + self._hop - longest - length
        if position > last_start:
            self._position = position - start - self._hop
            return 0.0
        first = position
        audio = samples[first : last_start + longest + length]
        norm = norms(audio, length)
        last = self._last
        count = changes = 0
        whole = change = 0.0
        while position <= last_start:
            begin, end = position - first, position - first + longest + 1
            lag, exact = match(audio[begin : end + length - 1], norm[begin:end], shortest)
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


def norms(samples: Doubles, length: int) -> Doubles:
    """Euclidean norm of every ``length`` successive samples, at least 1e-5."""
    energy = np.cumsum(samples * samples)
    within = energy[length - 1 :].copy()
    within[1:] -= energy[:-length]
    norm: Doubles = np.sqrt(np.maximum(within, 1e-10, out=within), out=within)
    return norm


def match(stretch: Doubles, norm: Doubles, shortest: int) -> tuple[int, float]:
    """The lag at which the beginning of a stretch comes again.

    Args:
        stretch: samples, shape (n,).
        norm: as :func:`norms` gives it, of the beginning and of all that may be like it; n, less its length, and 1.
        shortest: the least lag; the greatest is what the stretch has room for.

    Returns:
        the lag in whole samples, and to a fraction of one; 0 where nothing alike follows.
    """
    length = len(stretch) - len(norm) + 1
    likeness = np.correlate(stretch[shortest:], stretch[:length])
    likeness /= norm[shortest:]
    best = int(likeness.argmax())
    if not 0 < best < len(likeness) - 1:
        return 0, 0.0
    left, middle, right = likeness[best - 1 : best + 2].tolist()
    if middle <= ALIKE * norm[0]:
        return 0, 0.0
    bend = left - 2 * middle + right
    return shortest + best, shortest + best + (0.5 * (left - right) / bend if bend < 0 else 0.0)
