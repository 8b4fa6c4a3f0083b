"""Streaming log-mel spectra, the front end of DeepEmoCluster (Lin, Sridhar and Busso, ICASSP 2021).

A frame is 32 ms long and starts 16 ms after the one before it; 128 triangular bands on Slaney's mel scale cover 0 to
8 kHz, each of unit area, and their energies are given in decibels with a floor of -100 dB. The values are those of
``librosa.power_to_db(librosa.feature.melspectrogram(y, sr=16000, n_fft=512, hop_length=256, window="hann",
center=False, n_mels=128), ref=1, amin=1e-10, top_db=None)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.bands import FilterBank
from edge_app.core.features.framing import overlapping, power_spectra
from edge_app.core.features.spec import FeatureSpec
from edge_app.core.types import SAMPLE_RATE, Floats

FLOOR_POWER = np.float32(1e-10)
FLOOR = np.float32(-100.0)
HERTZ_PER_LINEAR_MEL = 200 / 3
LOG_START_HERTZ = 1000.0
LOG_START_MEL = LOG_START_HERTZ / HERTZ_PER_LINEAR_MEL
LOG_STEP = np.log(6.4) / 27


def hertz_to_mel(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    frequency = np.asarray(frequency, dtype=np.float64)
    logarithmic = LOG_START_MEL + np.log(np.maximum(frequency, LOG_START_HERTZ) / LOG_START_HERTZ) / LOG_STEP
    return np.where(frequency < LOG_START_HERTZ, frequency / HERTZ_PER_LINEAR_MEL, logarithmic)


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of :func:`hertz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    logarithmic = LOG_START_HERTZ * np.exp(LOG_STEP * (np.maximum(mel, LOG_START_MEL) - LOG_START_MEL))
    return np.where(mel < LOG_START_MEL, mel * HERTZ_PER_LINEAR_MEL, logarithmic)


def mel_filters(bands: int, frame_length: int, low: float, high: float) -> Floats:
    """Triangular filters of unit area, shape (frame_length // 2 + 1, bands)."""
    bins = np.fft.rfftfreq(frame_length, 1 / SAMPLE_RATE)
    ends = hertz_to_mel(np.array([low, high]))
    corners = mel_to_hertz(np.linspace(ends[0], ends[1], bands + 2))
    width = np.diff(corners)
    rising = (bins[:, None] - corners[None, :-2]) / width[:-1]
    falling = (corners[None, 2:] - bins[:, None]) / width[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (corners[2:] - corners[:-2]))).astype(np.float32)


class LogMel:
    """Streaming log-mel extractor.

    Args:
        bands: number of mel bands.
        frame_length: samples in a frame.
        frame_hop: samples between the starts of two frames.
        low: lower edge of the lowest band in hertz.
        high: upper edge of the highest band in hertz.
    """

    kind = "logmel"

    def __init__(
        self,
        bands: int = 128,
        frame_length: int = 512,
        frame_hop: int = 256,
        low: float = 0.0,
        high: float = 8000.0,
    ) -> None:
        self.spec = FeatureSpec(
            self.kind,
            {"bands": bands, "frame_length": frame_length, "frame_hop": frame_hop, "low": low, "high": high},
        )
        self.dimension = self.size = bands
        self.frame_length = frame_length
        self.frame_hop = frame_hop
        phase = 2 * np.pi * np.arange(frame_length) / frame_length
        self._taper = 0.5 - 0.5 * np.cos(phase)
        self._filters = FilterBank(mel_filters(bands, frame_length, low, high))
        self._pending: Floats = np.zeros(0, dtype=np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Take the next samples and return the frames they complete.

        Args:
            samples: float32, shape (n,), in [-1, 1]; any n.

        Returns:
            float32, shape (frames, bands), in decibels. The values do not depend on how the audio is cut into calls.
        """
        pending = np.concatenate((self._pending, samples)) if len(self._pending) else samples
        count = max(0, (len(pending) - self.frame_length) // self.frame_hop + 1)
        self._pending = pending[count * self.frame_hop :].copy()
        if count == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        frames = overlapping(pending.astype(np.float64), 0, count, self.frame_length, self.frame_hop)
        # In double precision: quiet bands lie 80 dB under loud ones, where a single-precision FFT is off by 1e-3 dB.
        power = power_spectra(frames * self._taper).astype(np.float32)
        decibels = self._filters(power)
        np.maximum(decibels, FLOOR_POWER, out=decibels)
        np.log10(decibels, out=decibels)
        decibels *= 10.0
        return np.maximum(decibels, FLOOR, out=decibels)  # some processors round the floor's logarithm to below it

    def finish(self) -> Floats:
        """No frame waits for audio after its own."""
        return np.zeros((0, self.dimension), dtype=np.float32)

    def summarise(self, frames: Floats, count: int) -> Floats:
        """The frames themselves, shape (count, bands); too few fill the window by being repeated."""
        return frames if len(frames) == count else frames[np.arange(count) % len(frames)]

    def reset(self) -> None:
        """Forget all audio; the next sample fed starts the first frame."""
        self._pending = np.zeros(0, dtype=np.float32)
