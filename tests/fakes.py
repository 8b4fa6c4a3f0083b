"""Stand-ins for what tests cannot have: a device, a slow model, a full disk."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge_app.audio.source import Deliver, Notify, ignore
from edge_app.core.baseline import Baseline
from edge_app.core.features import LogMel
from edge_app.core.labels import DIMENSIONS, FOUR_CLASSES
from edge_app.core.records import EndReason, Notice, SessionEnd, SessionInfo
from edge_app.core.smoothing import SmoothingSettings
from edge_app.core.snr import SnrMeter
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Estimate, Floats
from edge_app.core.wearer import AdaptiveBaseline, Shrinkage
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import DecisionSettings, Pipeline, WindowStream
from edge_app.runtime import Prediction, WindowPredictor
from edge_app.vad import VoiceActivityDetector, make_detector

INFO = SessionInfo("tiny", "fp32", FOUR_CLASSES, DIMENSIONS, window=1.0, hop=0.25, source="test")


class FakePredictor(WindowPredictor):
    """Answers with a softmax over four bands of the mean frame: what it says depends on every frame it gets.

    Args:
        seconds: how long it takes over each window.
        before: called before each prediction.
    """

    def __init__(self, seconds: float = 0.0, before: Callable[[], object] | None = None) -> None:
        self._seconds = seconds
        self._before = before
        self.windows = 0

    def predict(self, features: Floats) -> Prediction:
        if self._before is not None:
            self._before()
        time.sleep(self._seconds)
        self.windows += len(features)
        mean = features.astype(np.float64).mean(axis=1)
        scores = np.exp(mean[:, 10:90:20] / 4)
        return Prediction(scores / scores.sum(axis=1, keepdims=True), np.tanh(mean[:, 5:35:10] / 4))


def make_pipeline(
    predictor: FakePredictor | None = None,
    *,
    vad: str | VoiceActivityDetector = "none",
    hop: int = SAMPLE_RATE // 4,
    smoothing: SmoothingSettings | None = None,
    min_confidence: float = 0.0,
    min_snr: float | None = None,
    adaptive: Shrinkage | None = None,
) -> Pipeline:
    """A pipeline of real parts around a fake model."""
    extractor = LogMel()
    mean, deviation = np.full(128, -40, np.float32), np.full(128, 15, np.float32)
    baseline = Baseline(extractor.spec.digest, 1, mean, deviation)
    detector = make_detector(vad) if isinstance(vad, str) else vad
    return Pipeline(
        WindowStream(extractor, detector, WindowSpec(hop=hop), meter=SnrMeter()),
        baseline if adaptive is None else AdaptiveBaseline(baseline, adaptive),
        predictor or FakePredictor(),
        FOUR_CLASSES,
        DIMENSIONS,
        smoothing,
        DecisionSettings(min_confidence=min_confidence, min_snr=min_snr),
    )


class FakeSource:
    """Delivers blocks, 20 ms every 20 ms where it is live.

    Args:
        samples: the audio, 16 kHz.
        realtime: it counts as a source that cannot be held back.
        pace: seconds of sleep before each block.
        block: samples in a block.
        error: raised after the last block.
    """

    description = "fake"

    def __init__(
        self,
        samples: Floats,
        *,
        realtime: bool = False,
        pace: float = 0.0,
        block: int = 320,
        error: Exception | None = None,
    ) -> None:
        self.realtime = realtime
        self._samples = samples
        self._pace = pace
        self._block = block
        self._error = error

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        for start in range(0, len(self._samples), self._block):
            if stop.wait(self._pace) if self._pace else stop.is_set():
                return "interrupted"
            deliver(AudioBlock(self._samples[start : start + self._block], start))
        if self._error is not None:
            raise self._error
        return "eof"


class RecordingSink:
    """Keeps what it is told.

    Args:
        fail_on_write: raised by the first estimate.
    """

    def __init__(self, fail_on_write: Exception | None = None) -> None:
        self.info: SessionInfo | None = None
        self.estimates: list[Estimate] = []
        self.notices: list[Notice] = []
        self.ends: list[SessionEnd] = []
        self._fail_on_write = fail_on_write

    def open(self, info: SessionInfo) -> None:
        assert self.info is None
        self.info = info

    def write(self, estimate: Estimate) -> None:
        if self._fail_on_write is not None:
            raise self._fail_on_write
        self.estimates.append(estimate)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def close(self, end: SessionEnd) -> None:
        self.ends.append(end)

    @property
    def end(self) -> SessionEnd:
        (end,) = self.ends
        return end


def timeless(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Estimates without the time they took: all that must not depend on how audio is cut into blocks."""
    return [replace(estimate, compute_seconds=0.0) for estimate in estimates]


def voice(rng: np.random.Generator, duration: float) -> Floats:
    """Something WebRTC calls speech: a buzz of gliding pitch through two formants, in syllables, with pauses."""
    count = round(duration * SAMPLE_RATE)
    time_axis = np.arange(count) / SAMPLE_RATE
    pitch = 130 + 40 * np.sin(2 * math.pi * 0.7 * time_axis) + 10 * rng.normal()
    phase = 2 * math.pi * np.cumsum(pitch) / SAMPLE_RATE
    harmonics = sum(
        np.sin(number * phase) / (1 + ((number * 130 - formant) / 180) ** 2)
        for number in range(1, 24)
        for formant in (600, 1500)
    )
    syllables = np.clip(np.sin(2 * math.pi * 3.1 * time_axis), 0, None)
    phrases = (np.sin(2 * math.pi * 0.25 * time_axis + 0.5) > -0.5).astype(np.float64)
    sound = 0.15 * harmonics * syllables * phrases + 0.001 * rng.normal(size=count)
    return sound.clip(-1, 1).astype(np.float32)
