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
from edge_app.core.features.egemaps.roots import roots_above
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
ROUNDING = np.finfo(np.float64).eps
"""Least error of a prediction, relative to what is predicted: less is not known."""


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
    # A frame more: sums over the lags of a single one would be taken in another order than those of many.
    lags = np.ascontiguousarray(np.concatenate((correlation, correlation[:1])).T)
    filters = np.zeros_like(lags)
    filters[0] = 1.0
    error = lags[0].copy()
    least = np.maximum(ROUNDING * error, np.finfo(np.float64).tiny)
    for step in range(1, len(lags)):
        np.maximum(error, least, out=error)
        residual = np.add.reduce(filters[:step] * lags[step:0:-1], axis=0)
        reflection = residual / error
        filters[1 : step + 1] -= reflection * filters[:step][::-1]
        error -= reflection * residual
    return filters[:, :-1].T


def reversed_signs(filters: Doubles) -> Doubles:
    """A predictor in place of the error filter, shape (frames, p + 1): all signs but the first's turned."""
    return np.concatenate((filters[:, :1], -filters[:, 1:]), axis=1)


def resonances(filters: Doubles) -> tuple[Doubles, Doubles]:
    """Frequencies and bandwidths in hertz of filters' lowest roots above the real axis, both of shape (frames, 3)."""
    roots = roots_above(filters)
    # Those on the axis, which stand for none, are put at 0 Hz.
    logarithms = np.log(np.where(roots.imag > 0, roots, 1.0))
    frequency = logarithms.imag * (RATE / (2 * np.pi))
    # Complex numbers are sorted by their real parts.
    pairs = np.empty_like(logarithms)
    pairs.real = np.where(frequency > LOWEST, frequency, np.inf)
    pairs.imag = np.abs(logarithms.real) * (RATE / np.pi)
    pairs.sort(axis=1)
    lowest = pairs[:, :FORMANTS]
    lowest[lowest.real == np.inf] = 0.0
    return lowest.real, lowest.imag
