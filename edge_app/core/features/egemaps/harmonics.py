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
PEAK_DISTANCE = 5


def harmonics_to_noise(magnitudes: Doubles, fundamental: Doubles) -> Doubles:
    """Harmonics-to-noise ratio from the autocorrelation's peak at the pitch period.

    Args:
        magnitudes: amplitude spectra, shape (frames, bins).
        fundamental: in hertz, shape (frames,), each above 0.

    Returns:
        shape (frames,), in decibels, at least -100.
    """
    correlation = np.fft.irfft(magnitudes**2)
    period = SAMPLE_RATE / fundamental
    rows = np.arange(len(period))
    lag = np.round(period).astype(int)
    steps = np.arange(-SEARCH, SEARCH + 1)
    lags = np.clip(lag[:, None] + steps, 1, correlation.shape[1] // 2)
    near = np.abs(steps) <= period[:, None] / 10 + 1
    harmonic = np.where(near, correlation[rows[:, None], lags], -np.inf).max(axis=1)
    noise = correlation[:, 0] - harmonic
    ratio = np.maximum(harmonic, 0.0) / np.maximum(noise, np.finfo(np.float64).tiny)
    decibels: Doubles = np.maximum(10 * np.log10(np.maximum(ratio, FAINTEST)), NOISIEST)
    return decibels


def nearest_peaks(magnitudes: Doubles) -> NDArray[np.intp]:
    """For every bin of every spectrum the bin of the nearest local maximum, or itself where none is near."""
    bins = magnitudes.shape[1]
    numbers = np.arange(bins)
    padded = np.pad(magnitudes, ((0, 0), (1, 1)))
    peaks = (magnitudes > padded[:, :-2]) & (magnitudes >= padded[:, 2:])
    far = 2 * bins
    below = np.maximum.accumulate(np.where(peaks, numbers, -far), axis=1)
    above = np.minimum.accumulate(np.where(peaks, numbers, far)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(above - numbers <= numbers - below, above, below)
    return np.where(np.abs(nearest - numbers) <= PEAK_DISTANCE, nearest, numbers)


class HarmonicSpectrum:
    """Amplitudes of the harmonics of voiced frames, in decibels.

    Args:
        magnitudes: amplitude spectra, shape (frames, bins).
        fundamental: in hertz, shape (frames,), each above 0.
        highest: the highest formant that will be asked for, in hertz.
    """

    def __init__(self, magnitudes: Doubles, fundamental: Doubles, highest: float) -> None:
        bins = magnitudes.shape[1]
        # All that any formant may need, so that a frame's values do not depend on the frames beside it.
        count = max(3, int(highest * (1 + FORMANT_RANGE) / fundamental.min()))
        self._frequencies = fundamental[:, None] * np.arange(1, count + 1)
        middle = np.round(self._frequencies * (bins - 1) / (SAMPLE_RATE / 2)).astype(int)
        decibels = 20 * np.log10(np.maximum(magnitudes, FAINTEST))
        rows = np.arange(len(magnitudes))[:, None]
        self._decibels: Doubles = decibels[rows, nearest_peaks(magnitudes)[rows, np.minimum(middle, bins - 1)]]

    def amplitude(self, number: int) -> Doubles:
        """Amplitude of one harmonic of each frame, 1 for the fundamental, up to 3; shape (frames,)."""
        amplitude: Doubles = self._decibels[:, number - 1]
        return amplitude

    def formant_amplitude(self, formant: Doubles) -> Doubles:
        """Amplitude of the strongest harmonic within a fifth of a formant's frequency, or of the one nearest to it.

        Args:
            formant: frequencies in hertz, shape (frames,).
        """
        distance = np.abs(self._frequencies - formant[:, None])
        inside = distance <= FORMANT_RANGE * formant[:, None]
        inside[np.arange(len(formant)), distance.argmin(axis=1)] |= ~inside.any(axis=1)
        amplitude: Doubles = np.where(inside, self._decibels, -np.inf).max(axis=1)
        return amplitude
