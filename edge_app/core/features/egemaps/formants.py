"""Formants: the resonances of an all-pole model, from the roots of linear prediction."""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

FORMANTS = 3
FRAME_LENGTH = 320
ORDER = 8
RATE = 8000
LOWEST, HIGHEST = 50.0, 4500.0


class FormantFinder:
    """Frequencies and bandwidths of the first three formants."""

    def __init__(self) -> None:
        self._taper = np.hamming(FRAME_LENGTH)
        bins = np.arange(2 * FRAME_LENGTH * RATE // (2 * SAMPLE_RATE) + 1)
        angle = np.pi * bins / bins[-1]
        weight = np.where((bins == 0) | (bins == bins[-1]), 1.0, 2.0)
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
    found = (frequency > LOWEST) & (frequency < RATE / 2 - LOWEST)
    order_of = np.argsort(np.where(found, frequency, np.inf), axis=1)[:, :FORMANTS]
    found = np.take_along_axis(found, order_of, axis=1)
    frequencies = np.where(found, np.take_along_axis(frequency, order_of, axis=1), 0.0)
    bandwidths = np.where(found, np.take_along_axis(bandwidth, order_of, axis=1), 0.0)
    return frequencies, bandwidths
