"""What the front half of the pipeline gets wrong under noise: voice activity, and the signal-to-noise ratio it tells.

Both are measured on the windows of streams whose truth is known (:mod:`train.noise_streams`):

- A window of speech, at least half of whose samples are speech, is missed where the pipeline finds less speech in it
  than the model asks for. A window of silence, without any sample of an utterance, and with half a second of silence
  before it, in which speech may still be dying away, is a false alarm where it finds as much. Under babble that means:
  other people's speech was taken for speech.
- The same of the detector's own frames, before hysteresis: a vote of 0.5 or more.
- The true ratio of a window is that of the clean speech's power, where there is speech, to the noise's, both over the
  last three seconds; windows with speech in less than a third of those do not count. Bias is the mean error of what the
  meter tells, spread its standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_app.core.features import LogMel
from edge_app.core.snr import HIGHEST, LOWEST, SnrMeter
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import VoiceActivityDetector, make_detector
from train.noise import NoiseSource
from train.noise_streams import Mask, SpokenStream

SPEECH_WINDOW = 0.5
GUARD = SAMPLE_RATE // 2
LOOK_BACK = 3 * SAMPLE_RATE
SPOKEN_SHARE = 1 / 3
VOTE = 0.5


@dataclass(slots=True)
class Tally:
    """Counts of one detector under one condition, and errors of the meter."""

    missed: list[bool] = field(default_factory=list)
    alarmed: list[bool] = field(default_factory=list)
    missed_frames: list[bool] = field(default_factory=list)
    alarmed_frames: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def voice_activity(self) -> dict[str, Any]:
        """Shares of what was missed and of false alarms, and of how many windows."""
        return {
            "speech_windows": len(self.missed),
            "silent_windows": len(self.alarmed),
            "miss": _share(self.missed),
            "false_alarm": _share(self.alarmed),
            "frame_miss": _share(self.missed_frames),
            "frame_false_alarm": _share(self.alarmed_frames),
        }

    def meter(self) -> dict[str, Any]:
        """Bias and spread in decibels, and over how many windows."""
        known = len(self.errors) > 1
        return {
            "n": len(self.errors),
            "bias": round(float(np.mean(self.errors)), 2) if known else None,
            "spread": round(float(np.std(self.errors)), 2) if known else None,
        }


def measure_front(
    streams: Sequence[SpokenStream],
    sources: Sequence[NoiseSource],
    ratios: Sequence[float | None],
    detectors: Sequence[str],
    min_speech: float,
    seed: int,
) -> dict[str, Any]:
    """Voice activity's errors by detector and kind, and the meter's by kind.

    Args:
        streams: speech with known truth.
        sources: kinds of noise.
        ratios: in decibels, None for clean speech, whose own ratio nobody knows: the meter has no entry for it.
        detectors: keys of ``DETECTORS``.
        min_speech: share of a window from which it counts as speech.
        seed: of the stretches of noise.

    Returns:
        ``vad``: by detector, then by kind, a list of points with ``snr_db``; ``meter``: by kind, such a list.
    """
    vad: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in detectors}
    meter: dict[str, list[dict[str, Any]]] = {}
    clean: dict[str, Tally] = {}
    for source in sources:
        for ratio in ratios:
            tallies = clean if ratio is None and clean else {name: Tally() for name in detectors}
            if tallies is not clean:
                mixed = [stream.under(source, ratio, seed) for stream in streams]
                for name, tally in tallies.items():
                    for stream, (samples, noise) in zip(streams, mixed, strict=True):
                        judge(stream, samples, noise, name, min_speech, tally)
            if ratio is None:
                clean = tallies
            else:
                first = next(iter(tallies.values()))
                meter.setdefault(source.name, []).append({"snr_db": ratio, **first.meter()})
            for name, tally in tallies.items():
                vad[name].setdefault(source.name, []).append({"snr_db": ratio, **tally.voice_activity()})
    return {"vad": vad, "meter": meter}


class Overheard:
    """A detector whose probabilities are kept."""

    def __init__(self, detector: VoiceActivityDetector) -> None:
        self.frame_length = detector.frame_length
        self.said: list[Floats] = []
        self._detector = detector

    def feed(self, samples: Floats) -> Floats:
        """See :class:`edge_app.vad.VoiceActivityDetector`."""
        self.said.append(self._detector.feed(samples))
        return self.said[-1]

    def reset(self) -> None:
        """Forget all audio."""
        self._detector.reset()
        self.said = []


def judge(stream: SpokenStream, samples: Floats, noise: Floats, name: str, min_speech: float, tally: Tally) -> None:
    """Add to a tally what a detector and the meter say about a stream under noise."""
    detector = Overheard(make_detector(name))
    windows = WindowStream(LogMel(), detector, WindowSpec(), meter=SnrMeter())
    speech, utterance = _sums(stream.speech), _sums(~stream.silence)
    spoken_power = _sums(np.square(stream.samples, dtype=np.float64) * stream.speech)
    noise_power = _sums(np.square(noise, dtype=np.float64))
    for window in windows.feed(samples):
        start, end = window.start, window.end
        silent = start >= GUARD and utterance[end] == utterance[start - GUARD]
        if speech[end] - speech[start] >= SPEECH_WINDOW * (end - start):
            tally.missed.append(window.speech < min_speech)
            _measure(window.snr, end, speech, spoken_power, noise_power, tally)
        elif silent:
            tally.alarmed.append(window.speech >= min_speech)
    votes = np.concatenate(detector.said) >= VOTE
    length = detector.frame_length
    edges = np.arange(len(votes) + 1) * length
    tally.missed_frames.extend(~votes[np.diff(speech[edges]) == length])
    guarded = edges[:-1] >= GUARD
    quiet = utterance[edges[1:]] == utterance[np.maximum(edges[:-1] - GUARD, 0)]
    tally.alarmed_frames.extend(votes[guarded & quiet])


def _measure(told: float | None, end: int, speech: Floats, power: Floats, noise: Floats, tally: Tally) -> None:
    first = max(end - LOOK_BACK, 0)
    spoken = float(speech[end] - speech[first])
    heard = float(noise[end] - noise[first]) / (end - first)
    if told is None or heard <= 0 or spoken < SPOKEN_SHARE * (end - first):
        return
    true = 10 * np.log10(float(power[end] - power[first]) / spoken / heard)
    tally.errors.append(told - float(np.clip(true, LOWEST, HIGHEST)))


def _sums(values: Mask | Floats) -> Floats:
    """Sums up to each place, shape (n + 1,)."""
    sums: Floats = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    return sums


def _share(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
