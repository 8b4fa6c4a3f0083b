"""The golden pair: one second of synthetic audio, and what each variant answers to it.

The audio is a voice-like glide with vibrato, two bursts of noise and a stretch of digital silence, so that quiet, loud
and empty bands all take part. It is stored, not made again, when a bundle is verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.features import FrameExtractor
from edge_app.core.types import SAMPLE_RATE
from edge_app.runtime.state import StateSpec
from edge_app.verify import golden_answers, golden_features

STEP = 256
"""Eight bits are enough to test with, and take a third of the space."""


def golden_samples() -> NDArray[np.int16]:
    """One second at 16 kHz, the same every time."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    pitch = 140 + 90 * np.sin(np.pi * time) + 4 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = sum(np.sin(order * phase) / order**1.2 for order in range(1, 25))
    noise = np.random.default_rng(1).normal(0, 1, SAMPLE_RATE)
    bursts = ((time > 0.15) & (time < 0.22)) | ((time > 0.6) & (time < 0.66))
    wave = np.where(bursts, 0.3 * noise, voice * (0.3 + 0.7 * np.sin(3 * np.pi * time) ** 2))
    wave = np.where(time > 0.94, 0.0, wave)
    wave = 0.6 * wave / np.abs(wave).max()
    return (np.round(wave * (32768 / STEP)) * STEP).astype(np.int16)


def write_golden(
    path: Path,
    extractor: FrameExtractor,
    baseline: Baseline,
    variants: Mapping[str, Path],
    state: StateSpec | None = None,
) -> None:
    """Write ``golden.npz``: ``samples``, int16, and each output of each variant, ``{variant}_{output}``.

    Args:
        path: the file to write.
        extractor: the bundle's features.
        baseline: its baseline.
        variants: its model files.
        state: what the model carries from hop to hop; None for nothing.
    """
    samples = golden_samples()
    features = golden_features(samples, extractor, baseline)
    answers: dict[str, Any] = {}
    for variant, file in variants.items():
        for name, output in golden_answers(file, state, features).items():
            answers[f"{variant}_{name}"] = output
    np.savez_compressed(path, samples=samples, **answers)
