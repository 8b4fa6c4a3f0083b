"""Harmonics of voiced frames: harmonics-to-noise ratio, and amplitudes of harmonics against one another.

Eyben et al., IEEE Transactions on Affective Computing 7(2), 2016, section 3. The ratio H1-H2 compares the two harmonics
above the fundamental, as openSMILE's feature of that name does: the field's models are trained on that.
"""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

NOISIEST = -100.0
FAINTEST = 1e-10
SEARCH = 10
PEAK_DISTANCE = 5
THIRD_FORMANT = (0.8, 1.2)


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


class HarmonicSpectrum:
    """Amplitudes of the harmonics of voiced frames, in decibels.

    Args:
        magnitudes: amplitude spectra, shape (frames, bins).
        fundamental: in hertz, shape (frames,), each above 0.
    """

    def __init__(self, magnitudes: Doubles, fundamental: Doubles) -> None:
        self.fundamental = fundamental
        self.count = np.floor(SAMPLE_RATE / 2 / fundamental).astype(int)
        padded = np.pad(magnitudes, ((0, 0), (1, 1)))
        peaks = (magnitudes > padded[:, :-2]) & (magnitudes >= padded[:, 2:])
        self._decibels = 20 * np.log10(np.maximum(magnitudes, FAINTEST))
        self._peaks = peaks

    def amplitude(self, number: Doubles) -> Doubles:
        """Amplitude of one harmonic of each frame, at the spectrum's peak nearest to it.

        Args:
            number: which, 1 for the fundamental; shape (frames,).
        """
        bins = self._decibels.shape[1]
        rows = np.arange(len(number))
        middle = np.clip(np.round(number * self.fundamental * (bins - 1) / (SAMPLE_RATE / 2)), 0, bins - 1).astype(int)
        steps = np.array([0, *(sign * step for step in range(1, PEAK_DISTANCE + 1) for sign in (1, -1))])
        near = np.clip(middle[:, None] + steps, 0, bins - 1)
        # The first of the peaks in order of distance; the bin itself where there is none.
        nearest = self._peaks[rows[:, None], near].argmax(axis=1)
        amplitude: Doubles = self._decibels[rows, near[rows, nearest]]
        return amplitude

    def nearest(self, frequency: Doubles) -> Doubles:
        """The number of the harmonic nearest to a frequency in hertz, at least 1."""
        return np.clip(np.round(frequency / self.fundamental), 1, self.count)
