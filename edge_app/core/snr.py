"""How far speech lies above the noise around it, followed as audio arrives.

Two estimates over the last three seconds, each good where the other is not:

- Above about 14 dB, minimum statistics (Martin, IEEE Trans. Speech and Audio Processing 9(5), 2001): in each band the
  noise is the least smoothed power of the last seconds, times what a minimum lies below the mean; speech is what the
  frames clearly above that noise have more.
- Below, WADA (Kim and Stern, Interspeech 2008): speech amplitudes follow a gamma distribution of shape 0.4, noise is
  Gaussian, and the more noise, the nearer ``log E|x|`` comes to ``E log|x|``.

Neither asks voice activity, whose errors grow with the noise. Both take a crowd's voices for speech: in babble the
ratio is told too high, and the more so the lower it is. docs/noise.md has bias and spread.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.framing import overlapping, power_spectra
from edge_app.core.types import SAMPLE_RATE, Floats

FRAME = 512
HOP = 256
LOOK_BACK = 3 * SAMPLE_RATE // HOP
"""Frames that count: three seconds."""

LEAST_HEARD = (SAMPLE_RATE - FRAME) // HOP + 1
"""Frames without which nothing is said: those of a second."""

BANDS = 20
SMOOTHING = 0.8
MINIMUM_BIAS = 1.8
"""Mean over minimum of the smoothed power of steady noise in a band, over that many frames."""

SPEECH_ABOVE = 2.0
"""Frames of that many times the power of the noise count as speech."""

QUANTUM = 2.0**-16
"""Half a step of 16 bits: amplitudes below it are not told apart, so that digital silence has a logarithm."""

LOWEST, HIGHEST = -10.0, 40.0
"""Decibels beyond which the estimates tell nothing."""

STATISTICS_FROM, WADA_TO = 18.0, 10.0
"""By minimum statistics, decibels from which they alone count, and up to which WADA does; in between both do."""

WADA_STEP = 2.5
WADA = np.array([
    0.4121, 0.4160, 0.4238, 0.4382, 0.4618, 0.4967, 0.5436, 0.6012, 0.6673, 0.7387, 0.8123, 0.8853, 0.9558, 1.0225,
    1.0847, 1.1419, 1.1941, 1.2414, 1.2842, 1.3227, 1.3573,
])  # fmt: skip
"""``log E|x| - E log|x|`` at -10, -7.5, ... 40 dB."""
RATIOS = LOWEST + WADA_STEP * np.arange(len(WADA))

Doubles = NDArray[np.float64]


class SnrMeter:
    """Takes audio, tells the signal-to-noise ratio of the speech in its last three seconds. Memory is constant."""

    _pending: Floats
    _smooth: Doubles | None
    _count: int

    def __init__(self) -> None:
        self._window: Doubles = np.hanning(FRAME + 1)[:FRAME]
        self._edges = _band_edges()
        # Of each frame: smoothed power of the bands; power of all, mean amplitude and mean logarithm of amplitudes.
        self._heard: Doubles = np.zeros((BANDS + 3, LOOK_BACK))
        self.reset()

    def feed(self, samples: Floats) -> None:
        """Take samples, float32, shape (n,), in [-1, 1]. What is told does not depend on how they are cut."""
        pending = np.concatenate((self._pending, samples))
        count = max((len(pending) - FRAME) // HOP + 1, 0)
        self._pending = pending[count * HOP :].copy()
        if count:
            self._take(pending[: (count - 1) * HOP + FRAME], count)

    def _take(self, samples: Floats, count: int) -> None:
        frames = overlapping(samples.astype(np.float64), 0, count, FRAME, HOP)
        power = np.add.reduceat(power_spectra(frames * self._window), self._edges, axis=1)
        amplitudes = np.abs(samples[: count * HOP]).reshape(count, HOP)
        heard = np.empty((count, BANDS + 3))
        smoothed = np.multiply(power, 1 - SMOOTHING, out=heard[:, :BANDS])
        before = power[0] if self._smooth is None else self._smooth
        for now in smoothed:
            now += SMOOTHING * before
            before = now
        self._smooth = before.copy()
        np.add.reduce(power, axis=1, out=heard[:, -3])
        heard[:, -2] = np.add.reduce(amplitudes, axis=1)
        heard[:, -1] = np.add.reduce(np.log(np.maximum(amplitudes, QUANTUM)), axis=1)
        heard[:, -2:] /= HOP
        kept = min(count, LOOK_BACK)
        places = np.arange(self._count + count - kept, self._count + count) % LOOK_BACK
        self._heard[:, places] = heard[-kept:].T
        self._count += count

    @property
    def snr(self) -> float | None:
        """The ratio in decibels, -10 to 40; None before a second was heard."""
        if self._count < LEAST_HEARD:
            return None
        heard = self._heard[:, : self._count]
        by_minimum = _by_minimum(heard[:BANDS], heard[-3])
        weight = min(max((by_minimum - WADA_TO) / (STATISTICS_FROM - WADA_TO), 0.0), 1.0)
        told = weight * by_minimum + (1 - weight) * _by_amplitude(heard[-2:])
        return min(max(told, LOWEST), HIGHEST)

    def reset(self) -> None:
        """Forget all audio."""
        self._pending = np.zeros(0, dtype=np.float32)
        self._smooth = None
        self._count = 0


def _by_minimum(bands: Doubles, power: Doubles) -> float:
    """By minimum statistics of frames, shapes (BANDS, n) and (n,); the lowest where none rises above the noise."""
    noise = max(MINIMUM_BIAS * float(bands.min(axis=1).sum()), QUANTUM**2)
    loud = power[power > SPEECH_ABOVE * noise]
    if len(loud) == 0:
        return LOWEST
    return 10 * math.log10(float(loud.sum()) / len(loud) / noise - 1)


def _by_amplitude(amplitudes: Doubles) -> float:
    """By WADA, from mean amplitudes of frames and mean logarithms of these, shape (2, n)."""
    amplitude, logarithm = (amplitudes.sum(axis=1) / amplitudes.shape[1]).tolist()
    return float(np.interp(math.log(max(amplitude, QUANTUM)) - logarithm, WADA, RATIOS))


def _band_edges() -> NDArray[np.int64]:
    """The first bin of each band, equally wide on the mel scale; the constant component belongs to none."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, BANDS + 1) / 2595) - 1)
    return np.maximum(np.round(hertz[:-1] / SAMPLE_RATE * FRAME), 1 + np.arange(BANDS)).astype(np.int64)
