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
FORMANT_RANGE = 0.2
NEAREST_FIRST = np.array([0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5])


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
        highest: harmonics up to this frequency in hertz are looked at, and three at least.
    """

    def __init__(self, magnitudes: Doubles, fundamental: Doubles, highest: float) -> None:
        bins = magnitudes.shape[1]
        count = max(3, int(highest / fundamental.min()))
        self._frequencies = fundamental[:, None] * np.arange(1, count + 1)
        middle = np.round(self._frequencies * (bins - 1) / (SAMPLE_RATE / 2)).astype(int)
        padded = np.pad(magnitudes, ((0, 0), (1, 1)))
        peaks = (magnitudes > padded[:, :-2]) & (magnitudes >= padded[:, 2:])
        # The nearest of the spectrum's peaks; the bin itself where none is near.
        near = np.clip(middle[:, :, None] + NEAREST_FIRST, 0, bins - 1)
        rows = np.arange(len(magnitudes))[:, None]
        chosen = peaks[rows[:, :, None], near].argmax(axis=2)
        where = np.take_along_axis(near, chosen[:, :, None], axis=2)[:, :, 0]
        self._decibels: Doubles = 20 * np.log10(np.maximum(magnitudes[rows, where], FAINTEST))

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
