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
    """The spectrum up to two bins around each local maximum, zero elsewhere, then smoothed over three bins."""
    peaks = np.zeros(magnitudes.shape, dtype=bool)
    middle = magnitudes[:, 1:-1]
    np.greater(middle, magnitudes[:, :-2], out=peaks[:, 1:-1])
    peaks[:, 1:-1] &= middle >= magnitudes[:, 2:]
    kept = peaks.copy()
    for distance in (1, 2):
        kept[:, distance:] |= peaks[:, :-distance]
        kept[:, :-distance] |= peaks[:, distance:]
    sharp = magnitudes * kept
    smooth = 0.5 * sharp
    smooth[:, 1:] += 0.25 * sharp[:, :-1]
    smooth[:, :-1] += 0.25 * sharp[:, 1:]
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
            (np.clip(below + offset, 0, bins - 1), weight)
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
        sharp = keep_peaks(magnitudes)
        spectrum = sum(sharp.take(where, axis=1) * weight for where, weight in self._taps)
        assert isinstance(spectrum, np.ndarray)
        np.maximum(spectrum, 0.0, out=spectrum)
        first, width = self._first, self._width
        score = np.zeros((len(magnitudes), width))
        for shift, weight in self._shifts:
            part = spectrum[:, first + shift : first + shift + width]
            score[:, : part.shape[1]] += weight * part
        mean = (spectrum * self._share).sum(axis=1)

        inner = score[:, 1:-1]
        peaks = np.where((inner > score[:, :-2]) & (inner >= score[:, 2:]), inner, 0.0)
        frequencies = np.zeros((len(score), CANDIDATES))
        strengths = np.zeros((len(score), CANDIDATES))
        rows = np.arange(len(score))
        for place in range(CANDIDATES):
            best = peaks.argmax(axis=1)
            height = peaks[rows, best]
            left, right = score[rows, best], score[rows, best + 2]
            bend = left - 2 * height + right
            offset = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
            top = height - 0.25 * (left - right) * offset
            found = height > 0
            frequency = AXIS_START * 2.0 ** ((first + 1 + best + offset) / POINTS_PER_OCTAVE)
            frequencies[:, place] = np.where(found, frequency, 0.0)
            strengths[:, place] = np.where(found, 1 - mean / np.where(found, top, 1.0), 0.0)
            peaks[rows, best] = 0.0
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
        decided = [
            path
            for step in zip(leaps.tolist(), local.tolist(), unvoiced.tolist(), frequencies.tolist(), strict=True)
            for path in self._step(*step)
        ]
        return np.array(decided, dtype=np.float64)

    def _step(self, leaps: list[list[float]], voiced: list[float], rest: float, hertz: list[float]) -> list[float]:
        """One frame; states are 0 for unvoiced and 1 to ``CANDIDATES``. Written out, for it runs once per frame."""
        silent, first, second, third = self._costs
        turn = COST_TURN
        route = (silent, first + turn, second + turn, third + turn)
        cheapest = min(route)
        origins = [route.index(cheapest)]
        costs = [cheapest + rest]
        for (from_first, from_second, from_third), own in zip(leaps, voiced, strict=True):
            route = (silent + turn, first + from_first, second + from_second, third + from_third)
            cheapest = min(route)
            origins.append(route.index(cheapest))
            costs.append(cheapest + own)
        least = min(costs)
        self._costs = [cost - least for cost in costs]
        self._origins.append(origins)
        self._frequencies.append([0.0, *hertz])
        if len(self._frequencies) <= LOOK_AHEAD:
            return []
        state = costs.index(least)
        for before in self._origins[:0:-1]:
            state = before[state]
        del self._origins[0]
        return [self._frequencies.pop(0)[state]]

    def finish(self) -> Doubles:
        """Fundamental frequencies of the frames that still waited, the audio having ended; forgets all frames."""
        path = []
        state = self._costs.index(min(self._costs))
        for origins, hertz in zip(self._origins[::-1], self._frequencies[::-1], strict=True):
            path.append(hertz[state])
            state = origins[state]
        self.reset()
        return np.array(path[::-1], dtype=np.float64)
