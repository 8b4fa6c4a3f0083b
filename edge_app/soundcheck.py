"""Whether a recording can be somebody's ordinary speech: level, clipping, and what sets speech apart from noise.

Voice activity alone does not tell: WebRTC's detector takes loud rain or an engine for speech. Speech moves in level
from syllable to pause, and most of its loud frames are periodic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.session import CLIPPED_FRACTION, FULL_SCALE

FRAME = 640
HOP = 320
QUIETEST = -100
SILENCE_DBFS = -60.0
LOUD_PERCENT = 95.0
LOUD_RANGE = 25
"""Frames at most this many decibels below the loud ones are asked for their period."""
LEAST_RANGE = 12.0
LEAST_VOICED = 0.45
PERIODIC = 0.5
PITCH = (60.0, 400.0)
SPECTRUM = 2048


class SoundCheck:
    """Levels and periods of a recording, as counts per decibel: memory is constant."""

    def __init__(self) -> None:
        self.samples = 0
        self._clipped = 0
        self._pending: Floats = np.zeros(0, dtype=np.float32)
        self._frames: NDArray[np.int64] = np.zeros(1 - QUIETEST, dtype=np.int64)
        self._voiced: NDArray[np.int64] = np.zeros(1 - QUIETEST, dtype=np.int64)
        self._taper = np.hanning(FRAME)
        window = _autocorrelation(self._taper[None])[0]
        self._lags = slice(round(SAMPLE_RATE / PITCH[1]), round(SAMPLE_RATE / PITCH[0]) + 1)
        self._window = window[self._lags] / window[0]

    def feed(self, samples: Floats) -> None:
        """Take the next samples, float32, shape (n,)."""
        self.samples += len(samples)
        self._clipped += int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))
        pending = np.concatenate((self._pending, samples))
        count = max(0, (len(pending) - FRAME) // HOP + 1)
        self._pending = pending[count * HOP :].copy()
        if count == 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(pending, FRAME)[::HOP][:count].astype(np.float64)
        power = np.maximum((frames**2).mean(axis=1), 10.0 ** (QUIETEST / 10))
        level = np.clip(np.round(10 * np.log10(power)).astype(np.int64) - QUIETEST, 0, -QUIETEST)
        correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * self._taper)
        peak = (correlation[:, self._lags] / self._window).max(axis=1)
        np.add.at(self._frames, level, 1)
        np.add.at(self._voiced, level[peak > PERIODIC * np.maximum(correlation[:, 0], 1e-12)], 1)

    @property
    def loud_dbfs(self) -> float:
        """Level that 5 % of the frames exceed, in dB relative to full scale; -100 before any."""
        return self._percentile(LOUD_PERCENT)

    @property
    def range_db(self) -> float:
        """How far the loud frames lie above the quiet ones (10 %), in dB."""
        return self.loud_dbfs - self._percentile(10.0)

    @property
    def voiced(self) -> float:
        """The fraction of loud frames that repeat themselves at a pitch of 60 to 400 Hz."""
        first = max(0, round(self.loud_dbfs) - QUIETEST - LOUD_RANGE)
        frames = int(self._frames[first:].sum())
        return int(self._voiced[first:].sum()) / frames if frames else 0.0

    @property
    def clipped(self) -> bool:
        """More than 1 % of the samples are at full scale."""
        return self._clipped > CLIPPED_FRACTION * max(self.samples, 1)

    def problem(self) -> str | None:
        """Why this cannot be ordinary speech, None where it can."""
        if self.loud_dbfs < SILENCE_DBFS:
            return f"silence: almost nothing is louder than {SILENCE_DBFS:g} dBFS; is this the right microphone?"
        if self.clipped:
            return "clipped: more than 1 % of the samples are at full scale; lower the input gain"
        if self.range_db < LEAST_RANGE:
            return (
                f"noise: the level moves by {self.range_db:.0f} dB only, speech by {LEAST_RANGE:g} dB or more; "
                "find a quieter place"
            )
        if self.voiced < LEAST_VOICED:
            return (
                f"noise: {self.voiced:.0%} of the loud frames have a pitch, in speech {LEAST_VOICED:.0%} or more have; "
                "find a quieter place"
            )
        return None

    def _percentile(self, percent: float) -> float:
        total = int(self._frames.sum())
        if total == 0:
            return float(QUIETEST)
        return float(np.searchsorted(np.cumsum(self._frames), percent / 100 * total) + QUIETEST)


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(frames, SPECTRUM)
    found: NDArray[np.float64] = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)
    return found
