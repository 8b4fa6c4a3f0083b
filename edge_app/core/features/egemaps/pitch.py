"""Candidates for the fundamental frequency, by sub-harmonic summation.

Hermes, "Measurement of pitch by subharmonic summation", JASA 83(1), 1988: the amplitude spectrum, kept only around its
peaks, is laid on a logarithmic frequency axis and weighed as the ear does; a harmonic series is a fixed pattern there;
a candidate's score is the sum over its harmonics, each weighing a little less than the one before. How far a score
stands above the mean score tells how likely the frame is voiced (Eyben, "Real-time Speech and Music Classification by
Large Audio Feature Space Extraction", 2016). What papers leave open is set so that candidates equal openSMILE's, found
by comparing numbers.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats

Doubles: TypeAlias = NDArray[np.float64]

LOWEST, HIGHEST = 55.0, 1000.0
HARMONICS = 15
COMPRESSION = 0.85
AXIS_START = 25.0
AUDIBLE, STEEPNESS = 31.8, 3.0
"""Hertz where the ear's weight is one half, and how steeply it rises there, per octave."""
CANDIDATES = 6
TAPS = 12
"""Bins that a point of the logarithmic axis is interpolated from; what a spline takes of others is below 1/1000."""


def keep_peaks(magnitudes: Floats) -> Floats:
    """Spectra, shape (bins, frames), up to two bins around each local maximum and below the first, zero elsewhere."""
    bins, frames = magnitudes.shape
    peaks = np.zeros((bins + 4, frames), dtype=bool)
    rises = magnitudes[1:] > magnitudes[:-1]
    np.greater(rises[:-1], rises[1:], out=peaks[3:-3])
    np.greater(magnitudes[0], magnitudes[1], out=peaks[2])
    peaks[-3] = rises[-1]
    pairs = peaks[1:] | peaks[:-1]
    kept = np.ones((bins + 1, frames), dtype=bool)
    np.logical_or(pairs[2:-1] | pairs[:-3], peaks[4:], out=kept[:-1])
    for frame, first in enumerate(kept.argmax(axis=0).tolist()):
        kept[:first, frame] = True
    return magnitudes * kept[:-1]


def natural_spline(knots: Doubles, points: Doubles) -> Doubles:
    """Weights of the values at knots in a natural cubic spline's values at points, shape (points, knots)."""
    count, gaps = len(knots), np.diff(knots)
    bends, sources = np.eye(count), np.zeros((count, count))
    inner = np.arange(1, count - 1)
    bends[inner, inner - 1], bends[inner, inner], bends[inner, inner + 1] = (
        gaps[:-1],
        2 * (gaps[:-1] + gaps[1:]),
        gaps[1:],
    )
    sources[inner, inner - 1], sources[inner, inner + 1] = 6 / gaps[:-1], 6 / gaps[1:]
    sources[inner, inner] = -6 / gaps[:-1] - 6 / gaps[1:]
    second = np.linalg.solve(bends, sources)
    left = np.clip(np.searchsorted(knots, points, side="right") - 1, 0, count - 2)
    gap = gaps[left]
    before, after = (knots[left + 1] - points) / gap, (points - knots[left]) / gap
    weights: Doubles = ((before**3 - before) * gap**2 / 6)[:, None] * second[left]
    weights += ((after**3 - after) * gap**2 / 6)[:, None] * second[left + 1]
    rows = np.arange(len(points))
    weights[rows, left] += before
    weights[rows, left + 1] += after
    return weights


@cache
def octave_scale(bins: int) -> tuple[NDArray[np.intp], Floats]:
    """How a spectrum is smoothed over three bins, laid on an axis of as many points, and weighed.

    Returns:
        the first of each point's ``TAPS`` bins, shape (bins,), and their weights, shape (bins, TAPS).
    """
    hertz = np.arange(1, bins) * (SAMPLE_RATE / 2 / (bins - 1))
    points = np.linspace(np.log2(AXIS_START), np.log2(SAMPLE_RATE / 2), bins)
    # 0 Hz has no place on the axis: it stands an octave below the first bin.
    scale = natural_spline(np.log2(np.concatenate((hertz[:1] / 2, hertz))), points)
    average = 0.5 * np.eye(bins) + 0.25 * (np.eye(bins, k=1) + np.eye(bins, k=-1))
    average[-1] = np.eye(bins)[-1]
    weights = scale @ average
    weights *= 0.5 + np.arctan(STEEPNESS * (points[:, None] - np.log2(AUDIBLE))) / np.pi
    sums = np.cumsum(np.abs(np.pad(weights, ((0, 0), (1, 0)))), axis=1)
    first = (sums[:, TAPS:] - sums[:, :-TAPS]).argmax(axis=1)
    chosen = np.take_along_axis(weights, first[:, None] + np.arange(TAPS), axis=1)
    return first, chosen.astype(np.float32)


class SubHarmonicSum:
    """Scores of fundamental frequencies.

    Args:
        bins: how many bins a spectrum has, 0 Hz and half the sampling rate included.
    """

    def __init__(self, bins: int) -> None:
        first, weights = octave_scale(bins)
        self._taps = [(first + tap, weights[:, tap, None]) for tap in range(TAPS)]
        self._points = bins
        octaves = np.log2(SAMPLE_RATE / 2 / AXIS_START)
        self._points_per_octave = (bins - 1) / octaves
        shifts = np.floor(np.log2(np.arange(1, HARMONICS + 1)) * bins / octaves).astype(int)
        self._shifts = list(zip(shifts.tolist(), (COMPRESSION ** np.arange(HARMONICS)).tolist(), strict=True))
        # The mean score over the whole axis is a weighted sum of the spectrum on that axis.
        share = sum((np.arange(bins) >= shift) * weight for shift, weight in self._shifts) / bins
        self._share = np.asarray(share, dtype=np.float32)

    def __call__(self, magnitudes: Floats) -> tuple[Doubles, Doubles]:
        """The best candidates of each frame.

        They are those of the six highest scores whose frequencies lie within the range of pitch.

        Args:
            magnitudes: amplitude spectra, float32, shape (frames, bins).

        Returns:
            frequencies in hertz and strengths (1 - mean score / score, from 0 to 1), both of shape (frames,
            ``CANDIDATES``), the highest score first; then frequency 0 and strength 0 in place of those out of range.
        """
        # Frames lie side by side here, so that each step takes long rows of memory.
        sharp = keep_peaks(np.ascontiguousarray(magnitudes.T))
        spectrum = np.zeros((self._points, len(magnitudes)), dtype=np.float32)
        for where, weights in self._taps:
            part = sharp.take(where, axis=0)
            part *= weights
            spectrum += part
        score = spectrum.copy()
        for shift, weight in self._shifts[1:]:
            score[:-shift] += np.float32(weight) * spectrum[shift:]
        np.maximum(score, 0.0, out=score)
        # One product per frame: a single one would round differently for different numbers of frames.
        mean = np.matmul(np.ascontiguousarray(spectrum.T)[:, None], self._share[:, None])[:, 0]
        return self._candidates(score, mean.astype(np.float64))

    def _candidates(self, score: Floats, mean: Doubles) -> tuple[Doubles, Doubles]:
        """Frequencies and strengths of the highest peaks of scores, shape (points, frames); means (frames, 1)."""
        inner = score[1:-1]
        peaks = np.ascontiguousarray((inner * ((inner > score[:-2]) & (inner >= score[2:]))).T)
        rows = np.arange(len(peaks))[:, None]
        heights, starts = peaks.ravel(), rows[:, 0] * peaks.shape[1]
        best = np.empty((len(peaks), CANDIDATES), dtype=np.intp)
        height = np.empty((len(peaks), CANDIDATES))
        for place in range(CANDIDATES):
            best[:, place] = highest = peaks.argmax(axis=1)
            highest += starts
            height[:, place] = heights[highest]
            heights[highest] = 0.0
        left, right = score[best, rows].astype(np.float64), score[best + 2, rows].astype(np.float64)
        bend = left - 2 * height + right
        none = height == 0
        bend[none] = -1.0
        slope = left - right
        offset = 0.5 * slope / bend
        top = height - 0.25 * slope * offset
        top[none] = 1.0
        frequencies = AXIS_START * 2.0 ** ((1 + best + offset) / self._points_per_octave)
        strengths = np.maximum(1 - mean / top, 0.0)
        none |= (frequencies < LOWEST) | (frequencies > HIGHEST)
        frequencies[none] = strengths[none] = 0.0
        order = np.argsort(none, axis=1, kind="stable")
        return frequencies[rows, order], strengths[rows, order]
