"""What openSMILE calls formants, so that values compare with those the field has published.

Formants are the resonances of an all-pole model, from the roots of its prediction error filter (Markel and Gray,
"Linear Prediction of Speech", 1976, by autocorrelation). openSMILE's are not, as its answers to single impulses show:
the band is cut at 3.4 kHz, only the first 14 of the 20 ms are analysed, and the predictor's signs are reversed, so that
roots lie where the filter is far from a resonance, and are 1 kHz wide. They follow the spectrum's shape all the same,
by a law of their own. With its band cut, such a filter is almost undetermined in some frames, whose formants hang on
rounding.
"""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

FORMANTS = 3
FRAME_LENGTH = 320
ORDER = 11
RATE = 11000
LOWEST, HIGHEST = 50.0, RATE / 2

FFT_LENGTH = 512
BEFORE = (FFT_LENGTH - FRAME_LENGTH) // 2
"""Zeros before the frame, and as many after it."""
SHORT_LENGTH = FFT_LENGTH * RATE // SAMPLE_RATE
ANALYSED = FRAME_LENGTH * RATE // SAMPLE_RATE
"""Samples at 11 kHz that are analysed, counted from the zeros before the frame, so that its end is not reached."""
BINS = ANALYSED // 2
CORRELATION_LENGTH = 240
"""Long enough that the lags that count do not reach around."""


class FormantFinder:
    """Frequencies and bandwidths of openSMILE's first three formants."""

    def __init__(self) -> None:
        self._taper = np.hamming(FRAME_LENGTH)

    def __call__(self, frames: Doubles) -> tuple[Doubles, Doubles]:
        """Formants of frames.

        Args:
            frames: samples, shape (frames, 320).

        Returns:
            frequencies and bandwidths in hertz, both of shape (frames, 3); 0 where fewer were found.
        """
        padded = np.zeros((len(frames), FFT_LENGTH))
        padded[:, BEFORE : BEFORE + FRAME_LENGTH] = frames * self._taper
        spectrum = np.fft.rfft(padded)[:, :BINS]
        spectrum[:, 0] *= 2.0
        short = np.fft.irfft(spectrum, SHORT_LENGTH)[:, :ANALYSED]
        spectrum = np.fft.rfft(short, CORRELATION_LENGTH)
        correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[:, : ORDER + 1]
        frequencies, bandwidths = np.zeros((2, len(frames), FORMANTS))
        heard = correlation[:, 0] > 0
        frequencies[heard], bandwidths[heard] = resonances(reversed_signs(linear_prediction(correlation[heard])))
        return frequencies, bandwidths


def linear_prediction(correlation: Doubles) -> Doubles:
    """Coefficients of the linear prediction error filter by Levinson and Durbin's recursion.

    Args:
        correlation: autocorrelation at lags 0 to p, shape (frames, p + 1).

    Returns:
        shape (frames, p + 1), the first being 1; 1, 0, 0, ... for silence.
    """
    order = correlation.shape[1] - 1
    filters = np.zeros_like(correlation)
    filters[:, 0] = 1.0
    error = correlation[:, 0].copy()
    for step in range(1, order + 1):
        residual = np.add.reduce(filters[:, :step] * correlation[:, step:0:-1], axis=1)
        reflection = np.divide(-residual, error, out=np.zeros_like(error), where=error > 0)
        filters[:, 1 : step + 1] += reflection[:, None] * filters[:, step - 1 :: -1][:, :step]
        error = error * (1 - reflection**2)
    return filters


def reversed_signs(filters: Doubles) -> Doubles:
    """A predictor in place of the error filter, shape (frames, p + 1): all signs but the first's turned."""
    return np.concatenate((filters[:, :1], -filters[:, 1:]), axis=1)


def resonances(filters: Doubles) -> tuple[Doubles, Doubles]:
    """Frequencies and bandwidths in hertz of filters' lowest roots above the real axis, both of shape (frames, 3)."""
    order = filters.shape[1] - 1
    companion = np.zeros((len(filters), order, order))
    companion[:, 0] = -filters[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    roots = np.linalg.eigvals(companion).astype(np.complex128)
    frequency = np.angle(roots) * RATE / (2 * np.pi)
    bandwidth = np.abs(np.log(np.maximum(np.abs(roots), 1e-10))) * RATE / np.pi
    rank = np.where((roots.imag > 0) & (frequency > LOWEST), frequency, np.inf)
    chosen = np.argsort(rank, axis=1)[:, :FORMANTS]
    rows = np.arange(len(filters))[:, None]
    found = rank[rows, chosen] < np.inf
    frequencies = np.where(found, frequency[rows, chosen], 0.0)
    bandwidths = np.where(found, bandwidth[rows, chosen], 0.0)
    return frequencies, bandwidths
