"""What a phone, or something worn, does to the sound that reaches it: its band, its own noise, its converter.

The band is that of small microphones behind a hole and their filter against wind and handling; cloth and the body take
treble away from what is worn. The gain is one somebody set once: some recordings are faint, some are clipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from edge_app.core.types import SAMPLE_RATE, Floats
from train.noisy.places import TABLE

LOW_EDGE = (80.0, 200.0)
HIGH_EDGE = (6500.0, 7600.0)
CLOTH = (0.0, 8.0)
CLOTH_EDGE = 2000.0
LEVEL = (-34.0, -16.0)
OWN_NOISE = -45.0
"""The receiver's own noise, white, in dB over the level of the speech."""

FULL_SCALE = 32767 / 32768

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Device:
    """A receiver.

    Attributes:
        low: hertz below which it hears less, second order.
        high: hertz above which it hears less, fourth order.
        cloth: decibels that treble, well above 2 kHz, loses.
        level: of the speech in its recording, in dB relative to full scale.
    """

    low: float
    high: float
    cloth: float
    level: float

    def hear(self, sound: Doubles) -> Doubles:
        """Filter what arrives, shape (n,)."""
        heard = signal.sosfilt(signal.butter(2, self.low, "highpass", fs=SAMPLE_RATE, output="sos"), sound)
        heard = signal.sosfilt(signal.butter(4, self.high, "lowpass", fs=SAMPLE_RATE, output="sos"), heard)
        treble = 10 ** (-self.cloth / 20)
        bass = signal.lfilter(*signal.butter(1, CLOTH_EDGE, fs=SAMPLE_RATE), heard)
        return np.asarray(treble * heard + (1 - treble) * bass)


def draw_device(receiver: str, rng: np.random.Generator) -> Device:
    """A receiver that lies on the table or is worn.

    Args:
        receiver: one of :data:`train.noisy.places.RECEIVERS`.
        rng: where the chance comes from.
    """
    low, high, cloth, level = (float(rng.uniform(*bounds)) for bounds in (LOW_EDGE, HIGH_EDGE, CLOTH, LEVEL))
    return Device(low, high, 0.0 if receiver == TABLE else cloth, level)


def convert(sound: Doubles) -> Floats:
    """What a 16-bit converter makes of it: clipped at full scale, in whole steps."""
    return (np.round(np.clip(sound, -1.0, FULL_SCALE) * 32768) / 32768).astype(np.float32)


def clipped_share(recording: Floats) -> float:
    """The share of samples at full scale, in [0, 1]."""
    return float(np.mean((recording >= FULL_SCALE) | (recording <= -1.0))) if len(recording) else 0.0
