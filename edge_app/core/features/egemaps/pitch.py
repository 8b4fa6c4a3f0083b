"""Fundamental frequency by sub-harmonic summation, smoothed by a Viterbi search with bounded look-ahead.

Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988: the amplitude spectrum, kept only around its
peaks, is laid on a logarithmic frequency axis, where a harmonic series is a fixed pattern; a candidate's score is the
sum over its harmonics, each weighing a little less than the one before. How far a score stands above the mean score
tells how likely the frame is voiced (Eyben, "Real-time Speech and Music Classification by Large Audio Feature Space
Extraction", 2016).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE

Doubles: TypeAlias = NDArray[np.float64]

LOWEST, HIGHEST = 55.0, 1000.0
HARMONICS = 15
COMPRESSION = 0.85
POINTS_PER_OCTAVE = 48
AXIS_START = 25.0
CANDIDATES = 3

VOICED_STRENGTH = 0.7
LOOK_AHEAD = 6
# Costs of a path, in units of strength. They were fitted to openSMILE's decisions on speech.
COST_WEAK = 0.08
COST_MISSED = 0.1
COST_OCTAVE = 0.12
COST_TURN = 0.14
NEVER = 1e9


def keep_peaks(magnitudes: Doubles) -> Doubles:
    """Spectra, shape (bins, frames), up to two bins around each local maximum, zero elsewhere, smoothed over three."""
    bins, frames = magnitudes.shape
    rises = magnitudes[1:] > magnitudes[:-1]
    peaks = np.zeros((bins + 4, frames), dtype=bool)
    np.greater(rises[:-1], rises[1:], out=peaks[3:-3])
    pairs = peaks[1:] | peaks[:-1]
    kept = pairs[2:-1] | pairs[:-3] | peaks[4:]
    sharp = np.zeros((bins + 2, frames))
    np.multiply(magnitudes, kept, out=sharp[1:-1])
    sums = sharp[1:] + sharp[:-1]
    smooth: Doubles = 0.25 * (sums[1:] + sums[:-1])
    return smooth


class SubHarmonicSum:
    """Scores of fundamental frequencies.

    Args:
        bins: how many bins a spectrum has, 0 Hz and half the sampling rate included.
    """

    def __init__(self, bins: int) -> None:
        octaves = np.log2(SAMPLE_RATE / 2 / AXIS_START)
        points = int(octaves * POINTS_PER_OCTAVE) + 1
        axis = AXIS_START * 2.0 ** (np.arange(points) / POINTS_PER_OCTAVE)
        position = axis * (bins - 1) / (SAMPLE_RATE / 2)
        below = np.minimum(position.astype(int), bins - 2)
        part = position - below
        # Keys's cubic convolution: as good as a spline here, and each point needs only four bins.
        self._taps = [
            (np.clip(below + offset, 0, bins - 1), weight[:, None])
            for offset, weight in (
                (-1, 0.5 * (-part + 2 * part**2 - part**3)),
                (0, 1 - 2.5 * part**2 + 1.5 * part**3),
                (1, 0.5 * (part + 4 * part**2 - 3 * part**3)),
                (2, 0.5 * (part**3 - part**2)),
            )
        ]
        shifts = np.round(np.log2(np.arange(1, HARMONICS + 1)) * POINTS_PER_OCTAVE).astype(int)
        weights = COMPRESSION ** np.arange(HARMONICS)
        first = int(np.ceil(np.log2(LOWEST / AXIS_START) * POINTS_PER_OCTAVE))
        last = int(np.floor(np.log2(HIGHEST / AXIS_START) * POINTS_PER_OCTAVE))
        # One point more on each side, so that a maximum at the edge of the range has neighbours.
        self._first, self._width = first - 1, last - first + 3
        self._shifts = list(zip(shifts.tolist(), weights.tolist(), strict=True))
        # The mean score over the whole axis is a weighted sum of the spectrum on that axis.
        self._share = sum(
            (np.arange(points) >= shift) * weight for shift, weight in self._shifts
        ) / points  # fmt: skip

    def __call__(self, magnitudes: Doubles) -> tuple[Doubles, Doubles]:
        """The best candidates of each frame.

        Args:
            magnitudes: amplitude spectra, shape (frames, bins).

        Returns:
            frequencies in hertz and strengths (1 - mean score / score, at most 1), both of shape (frames,
            ``CANDIDATES``), the best first; frequency 0 and strength 0 where there is no further candidate.
        """
        # Frames lie side by side here, so that each step takes long rows of memory.
        sharp = keep_peaks(np.ascontiguousarray(magnitudes.T))
        spectrum = np.zeros((len(self._share), len(magnitudes)))
        for where, weights in self._taps:
            spectrum += weights * sharp.take(where, axis=0)
        np.maximum(spectrum, 0.0, out=spectrum)
        score = np.zeros((self._width, len(magnitudes)))
        for shift, weight in self._shifts:
            part = spectrum[self._first + shift : self._first + shift + self._width]
            score[: len(part)] += weight * part
        # One product per frame: a single one would round differently for different numbers of frames.
        mean = np.matmul(np.ascontiguousarray(spectrum.T)[:, None], self._share[:, None])[:, 0]
        return self._candidates(score, mean)

    def _candidates(self, score: Doubles, mean: Doubles) -> tuple[Doubles, Doubles]:
        """Frequencies and strengths of the highest peaks of scores, shape (width, frames); means (frames, 1)."""
        inner = score[1:-1]
        peaks = np.ascontiguousarray((inner * ((inner > score[:-2]) & (inner >= score[2:]))).T)
        rows = np.arange(len(peaks))
        best = np.empty((len(peaks), CANDIDATES), dtype=np.intp)
        height = np.empty((len(peaks), CANDIDATES))
        for place in range(CANDIDATES):
            best[:, place] = highest = peaks.argmax(axis=1)
            height[:, place] = peaks[rows, highest]
            peaks[rows, highest] = 0.0
        left, right = score[best, rows[:, None]], score[best + 2, rows[:, None]]
        bend = left - 2 * height + right
        none = height == 0
        bend[none] = -1.0
        slope = left - right
        offset = 0.5 * slope / bend
        top = height - 0.25 * slope * offset
        top[none] = 1.0
        frequencies = AXIS_START * 2.0 ** ((self._first + 1 + best + offset) / POINTS_PER_OCTAVE)
        strengths = 1 - mean / top
        frequencies[none] = strengths[none] = 0.0
        return frequencies, strengths


class PitchPath:
    """The cheapest path through the candidates of successive frames, each decided ``LOOK_AHEAD`` frames later.

    A state is "unvoiced" or one of a frame's candidates. Weak candidates cost more than strong ones, and so do leaps of
    pitch and turns from voiced to unvoiced and back.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._costs = [0.0] + [NEVER] * CANDIDATES
        self._last = np.zeros((1, CANDIDATES))
        self._origins: list[list[int]] = []
        self._frequencies: list[list[float]] = []

    def feed(self, frequencies: Doubles, strengths: Doubles) -> Doubles:
        """Take the candidates of the next frames, as :class:`SubHarmonicSum` gives them, frequency 0 for none.

        Returns:
            fundamental frequencies in hertz, 0 where unvoiced, of the frames decided by now, shape (n,).
        """
        exists = frequencies > 0
        octaves = np.log2(np.where(exists, frequencies, 1.0))
        before = np.concatenate((self._last, octaves))
        self._last = before[-1:]
        leaps = COST_OCTAVE * np.abs(octaves[:, :, None] - before[:-1, None, :])
        weak = strengths <= VOICED_STRENGTH
        local = np.where(exists, 1 - strengths + COST_WEAK * weak, NEVER)
        strong = exists[:, 0] & ~weak[:, 0]
        unvoiced = 1 - VOICED_STRENGTH + COST_MISSED * strong
        steps = zip(leaps.tolist(), local.tolist(), unvoiced.tolist(), frequencies.tolist(), strict=True)
        decided = [self._step(*step) for step in steps]
        return np.array(decided[decided.count(None) :], dtype=np.float64)

    def _step(self, leaps: list[list[float]], voiced: list[float], rest: float, hertz: list[float]) -> float | None:
        """One frame; states are 0 for unvoiced and 1 to ``CANDIDATES``. Written out, for it runs once per frame."""
        silent, first, second, third = self._costs
        cheapest, origin = silent, 0
        if first + COST_TURN < cheapest:
            cheapest, origin = first + COST_TURN, 1
        if second + COST_TURN < cheapest:
            cheapest, origin = second + COST_TURN, 2
        if third + COST_TURN < cheapest:
            cheapest, origin = third + COST_TURN, 3
        least = cheapest + rest
        state = 0
        costs, origins = [least], [origin]
        silent += COST_TURN
        for (from_first, from_second, from_third), own in zip(leaps, voiced, strict=True):
            cheapest, origin = silent, 0
            if first + from_first < cheapest:
                cheapest, origin = first + from_first, 1
            if second + from_second < cheapest:
                cheapest, origin = second + from_second, 2
            if third + from_third < cheapest:
                cheapest, origin = third + from_third, 3
            cheapest += own
            if cheapest < least:
                least, state = cheapest, len(costs)
            costs.append(cheapest)
            origins.append(origin)
        self._costs = [cost - least for cost in costs]
        self._origins.append(origins)
        self._frequencies.append([0.0, *hertz])
        if len(self._frequencies) <= LOOK_AHEAD:
            return None
        for before in self._origins[:0:-1]:
            state = before[state]
        del self._origins[0]
        return self._frequencies.pop(0)[state]

    def finish(self) -> Doubles:
        """Fundamental frequencies of the frames that still waited, the audio having ended; forgets all frames."""
        path = []
        state = self._costs.index(min(self._costs))
        for origins, hertz in zip(self._origins[::-1], self._frequencies[::-1], strict=True):
            path.append(hertz[state])
            state = origins[state]
        self.reset()
        return np.array(path[::-1], dtype=np.float64)
