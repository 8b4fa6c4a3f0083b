"""Audio in, estimates out: synchronous, without threads, in constant memory.

:class:`WindowStream` is the front half (voice activity, features, windows) and is what training cuts its windows
with; :class:`Pipeline` adds the baseline, the model and smoothing. Both advance in steps that end where a window
ends, so what they compute does not depend on how the audio is cut into blocks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_app.core.baseline import BaselineStage
from edge_app.core.features import FrameExtractor
from edge_app.core.smoothing import Smoother, SmoothingSettings
from edge_app.core.snr import SnrMeter
from edge_app.core.speech import GateSettings, SpeechGate
from edge_app.core.types import AudioBlock, Estimate, Floats, Reason, Segment, State, Window
from edge_app.core.windows import FrameHistory, WindowSpec
from edge_app.runtime import Predictor
from edge_app.vad import VoiceActivityDetector


class WindowStream:
    """Cuts a stream of audio into windows of features, each with the fraction of it that is speech.

    Args:
        extractor: features, frame by frame.
        detector: voice activity, frame by frame.
        spec: length and hop of the windows.
        gate: hysteresis and padding of voice activity; None for the usual durations.
        meter: measures the signal-to-noise ratio; None where nobody asks for it.
    """

    _pending: list[Floats]
    _waiting: int
    _position: int
    _origin: int
    _boundary: int
    _cut: bool
    _taken: int

    def __init__(
        self,
        extractor: FrameExtractor,
        detector: VoiceActivityDetector,
        spec: WindowSpec,
        gate: GateSettings | None = None,
        meter: SnrMeter | None = None,
    ) -> None:
        self.spec = spec
        self.frames_per_window = (spec.length - extractor.frame_length) // extractor.frame_hop + 1
        self._extractor = extractor
        self._detector = detector
        self._meter = meter
        # The first window ends up to a hop after it could, and features that look ahead add some at the end of audio.
        self._history = FrameHistory((spec.length + spec.hop) // extractor.frame_hop + 1, extractor.dimension)
        gate = gate or GateSettings().for_frames(detector.frame_length)
        # Padding can reach back before the window that is being cut; hangover is undone up to its own length.
        capacity = spec.length // detector.frame_length + gate.hangover + gate.padding + gate.onset + 1
        self._gate = SpeechGate(gate, detector.frame_length, capacity)
        self.segments: list[Segment] = []
        self.reset()

    def feed(self, samples: Floats, start: int | None = None) -> Iterator[Window]:
        """Take audio and yield the windows that end in it.

        Args:
            samples: float32, shape (n,), in [-1, 1].
            start: position of the first sample, where it is known; if it is not where the audio so far ends, some
                was lost: no window spans the gap, and positions stay true.
        """
        if start is not None and start != self._position + self._waiting:
            self._begin_at(start)
        self._waiting += len(samples)
        if self._position + self._waiting < self._boundary:
            self._pending.append(samples.copy())
            return
        pending = np.concatenate((*self._pending, samples)) if self._pending else samples
        used = 0
        while self._position + len(pending) - used >= self._boundary:
            step = self._boundary - self._position
            self._advance(pending[used : used + step])
            used += step
            yield self._window(self._boundary)
            self._boundary += self.spec.hop
        self._pending, self._waiting = [pending[used:].copy()], len(pending) - used

    def flush(self) -> Iterator[Window]:
        """Yield the last, partial window, which ends with the audio, if frames came since the last one.

        A window that ended with the audio was yielded already, though features that look ahead know more now.
        """
        if self._cut and self._position == self._boundary - self.spec.hop and not self._waiting:
            return
        before = self._history.count
        if self._waiting:
            pending = np.concatenate(self._pending)
            self._pending, self._waiting = [], 0
            self._advance(pending)
        self._history.append(self._extractor.finish())
        if self._history.count > before or (self._history.count and not self._cut):
            yield self._window(self._position)

    def reset(self) -> None:
        """Start afresh at position 0."""
        self._begin_at(0)

    def _begin_at(self, start: int) -> None:
        """Forget the audio so far. Windows keep ending at whole hops from the start of the source."""
        hop, length = self.spec.hop, self.spec.length
        self._origin = self._position = start
        self._boundary = length + max(0, -(-start // hop)) * hop
        self._pending, self._waiting = [], 0
        self._cut = False
        self._taken = 0
        self._extractor.reset()
        self._detector.reset()
        if self._meter is not None:
            self._meter.reset()
        self._history.clear()
        self._gate.reset()

    def _advance(self, samples: Floats) -> None:
        self.segments = self._gate.feed(self._detector.feed(samples), self._origin)
        self._history.append(self._extractor.feed(samples))
        if self._meter is not None:
            self._meter.feed(samples)
        self._position += len(samples)

    def _window(self, end: int) -> Window:
        start = max(end - self.spec.length, self._origin)
        frames = self._history.between(self._history.count - self.frames_per_window, self._history.count)
        fresh = self._history.between(self._taken, self._history.count)
        begins, self._cut, self._taken = not self._cut, True, self._history.count
        features = self._extractor.summarise(frames, self.frames_per_window)
        speech = self._gate.fraction(start - self._origin, end - self._origin)
        return Window(features, start, end, speech, None if self._meter is None else self._meter.snr, fresh, begins)


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """When a window gets a label.

    Attributes:
        min_speech: fraction of the window that must be speech for the model to be asked at all.
        min_confidence: smoothed probability below which the state is ``uncertain``.
        min_snr: signal-to-noise ratio in decibels below which it is, too; None for no such limit.
    """

    min_speech: float = 0.3
    min_confidence: float = 0.0
    min_snr: float | None = None


class Pipeline:
    """From audio to estimates.

    Args:
        windows: the front half.
        baseline: standardises the features, and may learn from them what is usual for the wearer.
        predictor: the model.
        labels: names of its classes, in the order of its outputs.
        dimensions: names of its dimensions, in the order of its outputs; empty where it has none.
        smoothing: rolling mean and label hysteresis.
        decision: thresholds of ``no-speech`` and ``uncertain``.
    """

    def __init__(
        self,
        windows: WindowStream,
        baseline: BaselineStage,
        predictor: Predictor,
        labels: Sequence[str],
        dimensions: Sequence[str],
        smoothing: SmoothingSettings | None = None,
        decision: DecisionSettings | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self.dimensions = tuple(dimensions)
        self._windows = windows
        self._baseline = baseline
        self._predictor = predictor
        self._smoother = Smoother(smoothing or SmoothingSettings())
        self._decision = decision or DecisionSettings()

    def feed(self, block: AudioBlock) -> list[Estimate]:
        """Take a block of audio and return the estimates of the windows that end in it, none or several."""
        return self._estimates(self._windows.feed(block.samples, block.start))

    def flush(self) -> list[Estimate]:
        """Return the estimate of the last, partial window, if there is one. Call it when the audio ends."""
        return self._estimates(self._windows.flush())

    def reset(self) -> None:
        """Start afresh, as if nothing had been fed."""
        self._windows.reset()
        self._predictor.reset()
        self._baseline.reset()
        self._smoother.reset()

    def _estimates(self, windows: Iterator[Window]) -> list[Estimate]:
        estimates = []
        began = time.perf_counter()
        for window in windows:
            estimates.append(self._estimate(window, began))
            began = time.perf_counter()
        return estimates

    def _estimate(self, window: Window, began: float) -> Estimate:
        wearer = self._baseline.weight
        if window.begins:
            self._predictor.reset()
        features = self._baseline.standardise(self._predictor.part(window))[None]
        self._baseline.hear(window)
        if window.speech < self._decision.min_speech:
            self._predictor.skip(features)
            return Estimate(
                start=window.start, end=window.end, state="no-speech", label=None, confidence=None, scores={},
                arousal=None, valence=None, dominance=None, speech=window.speech,
                compute_seconds=time.perf_counter() - began, wearer=wearer,
            )  # fmt: skip
        prediction = self._predictor.predict(features)
        classes = len(self.labels)
        newest = np.concatenate((prediction.probabilities[0], prediction.dimensions[0]))
        values, best = self._smoother.update(newest, classes, window.end)
        numbers = values.tolist()
        confidence = numbers[best]
        reason = self._doubt(window.snr, confidence)
        state: State = "speech" if reason is None else "uncertain"
        affect = dict(zip(self.dimensions, numbers[classes:], strict=True))
        return Estimate(
            start=window.start,
            end=window.end,
            state=state,
            label=self.labels[best] if state == "speech" else None,
            confidence=confidence,
            scores=dict(zip(self.labels, numbers[:classes], strict=True)),
            arousal=affect.get("arousal"),
            valence=affect.get("valence"),
            dominance=affect.get("dominance"),
            speech=window.speech,
            compute_seconds=time.perf_counter() - began,
            wearer=wearer,
            snr=window.snr,
            reason=reason,
        )

    def _doubt(self, snr: float | None, confidence: float) -> Reason | None:
        """Why there is no label, None where there is one."""
        least = self._decision.min_snr
        if least is not None and snr is not None and snr < least:
            return "noise"
        return "confidence" if confidence < self._decision.min_confidence else None
