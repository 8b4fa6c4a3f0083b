"""A made voice."""

from __future__ import annotations

import numpy as np


def voice(pitch: float, level: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A buzz with the harmonics and syllables of a voice, loud enough for voice activity detection."""
    time = np.arange(round(seconds * 16000)) / 16000
    glide = pitch * (1 + 0.05 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(glide) / 16000
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 24))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    samples = level * harmonics * syllables + rng.normal(0, 0.002, len(time))
    return np.clip(samples, -1, 1).astype(np.float32)
