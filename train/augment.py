"""Augmentation of waveforms: a room, a device's band, recorded noise, a gain, in the order in which they happen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.errors import CorpusError
from train.config import WaveformConfig
from train.noise import NoiseSource, mix_at_snr

LOW_PASS = (3000.0, 7500.0)
HIGH_PASS = (60.0, 300.0)


class WaveformAugmenter:
    """Draws one augmented version of an utterance at a time.

    Args:
        config: chances and ranges.
        responses: room impulse responses.
        noise: recorded noise, or None to leave noise out.
        babble: people talking, or None where the chances ask for none.
    """

    def __init__(
        self,
        config: WaveformConfig,
        responses: tuple[NDArray[np.float32], ...],
        noise: NoiseSource | None,
        babble: NoiseSource | None = None,
    ) -> None:
        self.config = config
        self._responses = responses
        self._noise = noise
        self._babble = babble

    def __call__(self, samples: Floats, rng: np.random.Generator) -> Floats:
        """Augment.

        Args:
            samples: float32, shape (n,), in [-1, 1].
            rng: source of everything drawn.

        Returns:
            float32, shape (n,), in [-1, 1]: aligned with the input, so windows of both cover the same speech.
        """
        config = self.config
        if self._responses and rng.random() < config.room_probability:
            samples = in_room(samples, self._responses[rng.integers(len(self._responses))])
        if rng.random() < config.band_probability:
            samples = band_limit(samples, rng.uniform(*LOW_PASS), "lowpass")
        if rng.random() < config.band_probability:
            samples = band_limit(samples, rng.uniform(*HIGH_PASS), "highpass")
        if self._noise is not None and rng.random() < config.noise_probability:
            samples = self._add_noise(samples, rng)
        gain = 10 ** (rng.uniform(config.gain_low, config.gain_high) / 20)
        return np.clip(samples * gain, -1.0, 1.0).astype(np.float32)

    def _add_noise(self, samples: Floats, rng: np.random.Generator) -> Floats:
        talk = self._babble is not None and rng.random() < self.config.babble
        source = self._babble if talk else self._noise
        assert source is not None
        snr = rng.uniform(self.config.snr_low, self.config.snr_high)
        try:
            return mix_at_snr(samples, source.draw(len(samples), rng), snr)
        except CorpusError:  # a silent stretch of noise, or a silent utterance: nothing to mix
            return samples


def in_room(samples: Floats, response: NDArray[np.float32]) -> Floats:
    """Convolve with a room's response, keeping length and RMS."""
    wet = signal.fftconvolve(samples, response)[: len(samples)]
    power, wet_power = np.mean(samples**2), np.mean(wet**2)
    return (wet * np.sqrt(power / wet_power)).astype(np.float32) if wet_power > 0 else samples


def band_limit(samples: Floats, edge: float, kind: str) -> Floats:
    """Fourth-order Butterworth filter at ``edge`` hertz, ``lowpass`` or ``highpass``."""
    sections = signal.butter(4, edge, kind, fs=SAMPLE_RATE, output="sos")
    return signal.sosfilt(sections, samples).astype(np.float32)
