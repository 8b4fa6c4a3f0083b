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

from edge_app.core.features.bands import FilterBank
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
NEIGHBOURS = np.array([-1, 0, 1])[:, None, None]


def keep_peaks(magnitudes: Floats) -> Floats:
    """Spectra, shape (frames, bins), up to two bins around each local maximum and below the first, zero elsewhere."""
    frames, bins = magnitudes.shape
    peaks = np.zeros((frames, bins + 4), dtype=bool)
    rises = magnitudes[:, 1:] > magnitudes[:, :-1]
    np.greater(rises[:, :-1], rises[:, 1:], out=peaks[:, 3:-3])
    np.greater(magnitudes[:, 0], magnitudes[:, 1], out=peaks[:, 2])
    peaks[:, -3] = rises[:, -1]
    # Frames lie end to end here; the zeros at their ends keep them apart.
    one = peaks.ravel()
    two = one[1:] | one[:-1]
    near = np.empty_like(peaks)
    np.logical_or(two[:-3] | two[2:-1], one[4:], out=near.ravel()[:-4])
    near[:, bins] = True
    first = near.argmax(axis=1)
    most = max(first.tolist())
    near[:, :most] |= np.arange(most) < first[:, None]
    return magnitudes * near[:, :bins]


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
        scale = np.zeros((bins, bins), dtype=np.float32)
        np.put_along_axis(scale, first[:, None] + np.arange(TAPS), weights, axis=1)
        self._scale = FilterBank(scale.T, parts=6)
        octaves = np.log2(SAMPLE_RATE / 2 / AXIS_START)
        self._points_per_octave = (bins - 1) / octaves
        shifts = np.floor(np.log2(np.arange(1, HARMONICS + 1)) * bins / octaves).astype(int)
        weights = COMPRESSION ** np.arange(HARMONICS)
        # The mean score over the whole axis is a weighted sum of the spectrum on that axis.
        share = ((np.arange(bins)[:, None] >= shifts) * weights).sum(axis=1) / bins
        self._share: Floats = share.astype(np.float32)[:, None]
        self._harmonics = list(zip(shifts.tolist(), weights.astype(np.float32), strict=True))[1:]

    def __call__(self, magnitudes: Floats) -> tuple[Doubles, Doubles]:
        """The best candidates of each frame.

        They are those of the six highest scores whose frequencies lie within the range of pitch.

        Args:
            magnitudes: amplitude spectra, float32, shape (frames, bins).

        Returns:
            frequencies in hertz and strengths (1 - mean score / score, from 0 to 1), both of shape (frames,
            ``CANDIDATES``), the highest score first, with frequency 0 and strength 0 in place of those out of range.
        """
        on_axis = self._scale(keep_peaks(magnitudes))
        # One product per frame: a single one would round differently for different numbers of frames.
        mean = np.matmul(on_axis[:, None], self._share)[:, 0, 0]
        # Frames lie side by side from here on, so that each step takes long rows of memory.
        score = self._score(np.ascontiguousarray(on_axis.T))
        return self._candidates(score, mean.astype(np.float64))

    def _score(self, spectrum: Floats) -> Floats:
        """Sums over harmonics, shape (points, frames), of spectra of that shape on the logarithmic axis."""
        score = spectrum.copy()
        for shift, weight in self._harmonics:
            score[:-shift] += weight * spectrum[shift:]
        return score

    def _candidates(self, score: Floats, mean: Doubles) -> tuple[Doubles, Doubles]:
        """Frequencies and strengths of the highest peaks of scores, shape (points, frames); means (frames,)."""
        points, frames = score.shape
        rises = score[1:] > score[:-1]
        peaks = np.zeros((points, frames), dtype=np.float32)
        np.multiply(score[1:-1], rises[:-1] > rises[1:], out=peaks[1:-1])
        heights = np.ascontiguousarray(peaks.T)
        rows = np.arange(frames)
        best = np.empty((CANDIDATES, frames), dtype=np.intp)
        for highest in best:
            heights.argmax(axis=1, out=highest)
            heights[rows, highest] = 0.0
        none = best == 0
        near = score.ravel().take((best + NEIGHBOURS) * frames + rows)
        left, height, right = np.maximum(near, 0.0).astype(np.float64)
        bend = left - 2 * height + right
        bend[none] = -1.0
        slope = left - right
        offset = 0.5 * slope / bend
        top = height - 0.25 * slope * offset
        top[none] = 1.0
        frequencies = AXIS_START * np.exp2((best + offset) / self._points_per_octave)
        none |= (frequencies < LOWEST) | (frequencies > HIGHEST)
        strengths = np.maximum(1 - mean / top, 0.0)
        frequencies[none] = strengths[none] = 0.0
        return frequencies.T, strengths.T
