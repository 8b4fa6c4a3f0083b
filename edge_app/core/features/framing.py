"""Audio as overlapping frames, without a copy, and power spectra of such."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.float32, np.float64)


def overlapping(samples: NDArray[Number], start: int, count: int, length: int, hop: int) -> NDArray[Number]:
    """Frames of audio. Does what ``sliding_window_view`` does, at a fraction of the cost of such a call.

    Args:
        samples: contiguous, shape (n,).
        start: where the first frame begins.
        count: how many frames.
        length: samples in a frame.
        hop: samples between the starts of two frames.

    Returns:
        shape (count, length), a view.

    Raises:
        TypeError: the last frame ends beyond the samples.
    """
    step = samples.itemsize
    return np.ndarray((count, length), samples.dtype, samples, start * step, (hop * step, step))


def tapered(frames: NDArray[np.float64], window: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Frames weighed by a window of their length, and zeros after each, shape (frames, length)."""
    padded = np.empty((len(frames), length))
    np.multiply(frames, window, out=padded[:, : len(window)])
    padded[:, len(window) :] = 0.0
    return padded


def power_spectra(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared magnitudes of the discrete Fourier transform, shape (frames, length // 2 + 1).

    They take as little memory as can be, for what leaves a processor's cache costs more than the arithmetic.

    Args:
        frames: shape (frames, length), weighed by a window.
    """
    parts = np.fft.rfft(frames).view(np.float64)
    np.square(parts, out=parts)
    power: NDArray[np.float64] = parts[:, ::2] + parts[:, 1::2]
    return power
