"""Formants: the resonances of an all-pole model, from the roots of linear prediction.

Markel and Gray, "Linear Prediction of Speech", 1976: autocorrelation method, here on the band up to 5.5 kHz,
where a voice has five resonances, after pre-emphasis. openSMILE's columns of the same names do not follow the
resonances of made vowels, so only the definition is followed here.
"""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

FORMANTS = 3
FRAME_LENGTH = 320
ORDER = 11
RATE = 11000
EMPHASIS = 0.97
LOWEST, HIGHEST = 90.0, 5200.0
BROADEST = 1000.0


class FormantFinder:
    """Frequencies and bandwidths of the first three formants."""

    def __init__(self) -> None:
        self._taper = np.hamming(FRAME_LENGTH)
        # The autocorrelation of the band alone is the inverse transform of the power spectrum's part in it.
        bins = np.arange(FRAME_LENGTH * RATE // SAMPLE_RATE + 1)
        angle = np.pi * bins / bins[-1]
        weight = np.where((bins == 0) | (bins == bins[-1]), 1.0, 2.0)
        weight *= np.abs(1 - EMPHASIS * np.exp(-1j * np.pi * bins / FRAME_LENGTH)) ** 2
        self._cosines = weight * np.cos(angle * np.arange(ORDER + 1)[:, None])

    def __call__(self, frames: Doubles) -> tuple[Doubles, Doubles]:
        """Formants of frames.

        Args:
            frames: samples, shape (frames, 320).

        Returns:
            frequencies and bandwidths in hertz, both of shape (frames, 3); 0 where fewer were found.
        """
        spectrum = np.fft.rfft(frames * self._taper, 2 * FRAME_LENGTH)[:, : self._cosines.shape[1]]
        power = spectrum.real**2 + spectrum.imag**2
        correlation = np.stack([(power * cosine).sum(axis=1) for cosine in self._cosines], axis=1)
        return resonances(linear_prediction(correlation))


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
        residual = (filters[:, :step] * correlation[:, step:0:-1]).sum(axis=1)
        reflection = np.where(error > 0, -residual / np.where(error > 0, error, 1.0), 0.0)
        filters[:, 1 : step + 1] += reflection[:, None] * filters[:, step - 1 :: -1][:, :step]
        error = error * (1 - reflection**2)
    return filters


def resonances(filters: Doubles) -> tuple[Doubles, Doubles]:
    """Frequencies and bandwidths in hertz of a filter's lowest resonances, both of shape (frames, 3)."""
    order = filters.shape[1] - 1
    companion = np.zeros((len(filters), order, order))
    companion[:, 0] = -filters[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    roots = np.linalg.eigvals(companion).astype(np.complex128)
    frequency = np.angle(roots) * RATE / (2 * np.pi)
    bandwidth = -np.log(np.maximum(np.abs(roots), 1e-10)) * RATE / np.pi
    found = (frequency > LOWEST) & (frequency < HIGHEST)
    # Sharp resonances first, then the lowest; a broad one only fills a gap.
    rank = np.where(found, frequency + RATE * (bandwidth > BROADEST), np.inf)
    chosen = np.argsort(rank, axis=1)[:, :FORMANTS]
    ascending = np.argsort(np.take_along_axis(np.where(found, frequency, np.inf), chosen, axis=1), axis=1)
    chosen = np.take_along_axis(chosen, ascending, axis=1)
    frequencies = np.take_along_axis(np.where(found, frequency, 0.0), chosen, axis=1)
    bandwidths = np.take_along_axis(np.where(found, bandwidth, 0.0), chosen, axis=1)
    return frequencies, bandwidths
