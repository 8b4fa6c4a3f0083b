"""Harmonics of voiced frames: harmonics-to-noise ratio, and amplitudes of harmonics against one another.

Eyben et al., IEEE Transactions on Affective Computing 7(2), 2016, section 3. The ratio H1-H2 compares the two harmonics
above the fundamental, as openSMILE's feature of that name does: the field's models are trained on that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

NOISIEST = -100.0
FAINTEST = 1e-10
SEARCH = 10
FORMANT_RANGE = 0.2
STEPS = np.arange(-SEARCH, SEARCH + 1)
DISTANCES = np.abs(STEPS)
TINY = float(np.finfo(np.float64).tiny)
PEAK_DISTANCE = 5


def harmonics_to_noise(power: Doubles, fundamental: Doubles) -> Doubles:
    """Harmonics-to-noise ratio from the autocorrelation's peak at the pitch period.

    Args:
        power: power spectra, shape (frames, bins).
        fundamental: in hertz, shape (frames,), each above 0.

    Returns:
        shape (frames,), in decibels, at least -100.
    """
    correlation = np.fft.irfft(power)
    period = SAMPLE_RATE / fundamental
    lags = np.rint(period).astype(np.intp)[:, None] + STEPS
    lags = np.minimum(np.maximum(lags, 1), correlation.shape[1] // 2)
    near = correlation.ravel().take(lags + correlation.shape[1] * np.arange(len(period))[:, None])
    near[period[:, None] / 10 + 1 < DISTANCES] = -np.inf
    harmonic = near.max(axis=1)
    noise = correlation[:, 0] - harmonic
    ratio = np.maximum(harmonic, 0.0) / np.maximum(noise, TINY)
    decibels: Doubles = np.maximum(10 * np.log10(np.maximum(ratio, FAINTEST)), NOISIEST)
    return decibels


def offsets() -> NDArray[np.intp]:
    """How far the nearest peak is, for every set of peaks near a bin.

    Returns:
        shape (2 ** (2 * ``PEAK_DISTANCE`` + 1),): bits of the index tell where peaks are, the lowest the farthest
        below. Of two as near the one above; 0 where there is none.
    """
    sets = np.arange(2 ** (2 * PEAK_DISTANCE + 1))
    found = np.zeros(len(sets), dtype=np.intp)
    for distance in range(PEAK_DISTANCE, -1, -1):
        for offset in (-distance, distance):
            found[sets >> (PEAK_DISTANCE + offset) & 1 == 1] = offset
    return found


OFFSETS = offsets()


def nearest_peaks(power: Doubles, bins: NDArray[np.intp]) -> NDArray[np.intp]:
    """The bin of the local maximum nearest to given ones, or these where none is near.

    Args:
        power: spectra, shape (frames, bins).
        bins: which are asked for, shape (frames, n).

    Returns:
        shape (frames, n).
    """
    frames, count = power.shape
    width = count + 2 * PEAK_DISTANCE
    rises = np.ones((frames, count + 1), dtype=bool)
    np.greater(power[:, 1:], power[:, :-1], out=rises[:, 1:-1])
    rises[:, -1] = False
    near = np.zeros((frames, width), dtype=np.uint16)
    np.greater(rises[:, :-1], rises[:, 1:], out=near[:, PEAK_DISTANCE:-PEAK_DISTANCE])
    # Each doubling tells of twice as many bins; the zeros at the ends keep frames apart.
    one = near.ravel()
    two = one[:-1] | one[1:] << 1
    four = two[:-2] | two[2:] << 2
    eight = four[:-4] | four[4:] << 4
    sets = eight[:-3] | two[8:-1] << 8 | one[10:] << 10
    nearest: NDArray[np.intp] = bins + OFFSETS[sets[bins + width * np.arange(frames)[:, None]]]
    return nearest


class HarmonicSpectrum:
    """Amplitudes of the harmonics of voiced frames, in decibels.

    Args:
        power: power spectra, shape (frames, bins).
        fundamental: in hertz, shape (frames,), each above 0.
        highest: the highest formant that will be asked for, in hertz.
    """

    def __init__(self, power: Doubles, fundamental: Doubles, highest: float) -> None:
        bins = power.shape[1]
        # All that any formant may need, so that a frame's values do not depend on the frames beside it.
        count = max(3, int(highest * (1 + FORMANT_RANGE) / fundamental.min()))
        self._frequencies = fundamental[:, None] * np.arange(1, count + 1)
        middle = np.rint(self._frequencies * ((bins - 1) / (SAMPLE_RATE / 2))).astype(np.intp)
        np.minimum(middle, bins - 1, out=middle)
        near = power[:, : int(middle.max()) + PEAK_DISTANCE + 2]
        self._power: Doubles = power[np.arange(len(power))[:, None], nearest_peaks(near, middle)]

    def amplitudes(self, count: int) -> Doubles:
        """Amplitudes of each frame's first harmonics, at most three, shape (frames, count)."""
        return decibels(self._power[:, :count])

    def formant_amplitudes(self, formants: Doubles) -> Doubles:
        """Amplitude of the strongest harmonic within a fifth of a formant's frequency, or of the one nearest to it.

        Args:
            formants: frequencies in hertz, shape (frames, formants).

        Returns:
            shape (frames, formants).
        """
        distance = np.abs(self._frequencies[:, None] - formants[:, :, None])
        inside = distance <= FORMANT_RANGE * formants[:, :, None]
        strongest = np.where(inside, self._power[:, None], -1.0).max(axis=2)
        rows, columns = np.nonzero(strongest < 0)
        strongest[rows, columns] = self._power[rows, distance[rows, columns].argmin(axis=1)]
        return decibels(strongest)


def decibels(power: Doubles) -> Doubles:
    """10 log10 of a power, at least -200."""
    level: Doubles = 10 * np.log10(np.maximum(power, FAINTEST**2))
    return level
