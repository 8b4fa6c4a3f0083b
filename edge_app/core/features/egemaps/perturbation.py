"""Local jitter and shimmer: how much successive pitch periods differ in length and in amplitude."""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import SAMPLE_RATE

HISTORY = 800
DEVIATION = 0.25
STEP = 160


def perturbation(samples: Doubles, start: int, fundamental: float) -> tuple[float, float]:
    """Jitter and shimmer of the periods that end in the 10 ms before a frame.

    Args:
        samples: the audio around the frame.
        start: the frame's first sample within it; at least ``HISTORY`` lie before it.
        fundamental: in hertz.

    Returns:
        jitter (mean difference of successive periods over their mean) and shimmer (mean difference of their
        peak-to-peak amplitudes in decibels).
    """
    period = SAMPLE_RATE / fundamental
    shortest, longest = int(period * (1 - DEVIATION)), int(np.ceil(period * (1 + DEVIATION)))
    length = round(period)
    count = max(2, int(np.ceil(STEP / period)) + 1)
    position = start - STEP - length
    periods, amplitudes = [], []
    for _ in range(count):
        window = samples[position : position + length]
        reach = samples[position + shortest : position + longest + length]
        match = np.correlate(reach, window)
        energy = np.cumsum(np.concatenate(([0.0], reach**2)))
        norm = np.sqrt(np.maximum(energy[length:] - energy[:-length], 1e-20))
        score = match / norm
        best = int(score.argmax())
        offset = 0.0
        if 0 < best < len(score) - 1:
            left, middle, right = score[best - 1 : best + 2]
            bend = left - 2 * middle + right
            offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
        periods.append(shortest + best + offset)
        amplitudes.append(max(float(window.max() - window.min()), 1e-10))
        position += shortest + best
    lengths, heights = np.array(periods), np.array(amplitudes)
    jitter = np.abs(np.diff(lengths)).mean() / lengths.mean()
    shimmer = np.abs(20 * np.diff(np.log10(heights))).mean()
    return float(jitter), float(shimmer)
