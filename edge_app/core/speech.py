"""From a probability per frame to steady stretches of speech, and from those to the speech fraction of a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats, Segment

USUAL_FRAME = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When speech begins and ends. Counts are frames of the detector (20 ms for WebRTC's).

    Attributes:
        on: probability from which a frame votes for speech.
        off: probability below which a frame votes against it; in between it keeps what was.
        onset: frames in a row that must vote for speech before it begins.
        hangover: frames in a row that must vote against it before it ends.
        padding: frames before the beginning and after the end that count as speech too.
    """

    on: float = 0.6
    off: float = 0.4
    onset: int = 3
    hangover: int = 15
    padding: int = 5

    def for_frames(self, length: int) -> GateSettings:
        """The same durations, to the nearest frame, for a detector whose frames have ``length`` samples, not 20 ms."""
        onset, hangover, padding = (
            max(1, round(count * USUAL_FRAME / length)) for count in (self.onset, self.hangover, self.padding)
        )
        return replace(self, onset=onset, hangover=hangover, padding=padding)


class SpeechGate:
    """Hysteresis and padding over frame probabilities, with the decisions of the last frames kept for windows.

    Args:
        settings: thresholds and counts.
        frame_length: samples in a frame.
        capacity: number of newest frames whose decision is kept.
    """

    _count: int
    _run: int
    _begin: int | None
    _last_end: int

    def __init__(self, settings: GateSettings, frame_length: int, capacity: int) -> None:
        self.settings = settings
        self.frame_length = frame_length
        self._decisions: NDArray[np.bool_] = np.zeros(capacity, dtype=np.bool_)
        self.reset()

    def feed(self, probabilities: Floats, origin: int = 0) -> list[Segment]:
        """Take the next frames; return the segments that ended among them, and the one still going on, if any.

        Args:
            probabilities: shape (frames,), in [0, 1].
            origin: position of frame 0 in samples, added to the segments' times.
        """
        ended = []
        for probability in probabilities.tolist():
            segment = self._step(probability)
            if segment is not None:
                ended.append(segment)
        if self._begin is not None:
            ended.append(Segment(self._begin, self._count, is_final=False))
        scale = self.frame_length
        return [Segment(origin + s.start * scale, origin + s.end * scale, s.is_final) for s in ended]

    def _step(self, probability: float) -> Segment | None:
        settings, capacity = self.settings, len(self._decisions)
        speaking = self._begin is not None
        voted = probability >= settings.on if not speaking else probability >= settings.off
        self._decisions[self._count % capacity] = speaking
        self._count += 1
        self._run = self._run + 1 if voted != speaking else 0
        if not speaking and self._run >= settings.onset:
            self._begin = max(0, self._count - self._run - settings.padding, self._last_end)
            self._mark(self._begin, self._count, True)
            self._run = 0
        elif speaking and self._run >= settings.hangover:
            end = self._count - self._run + settings.padding
            self._mark(end, self._count, False)
            segment = Segment(self._begin or 0, end, is_final=True)
            self._begin, self._last_end, self._run = None, end, 0
            return segment
        return None

    def _mark(self, first: int, stop: int, speech: bool) -> None:
        capacity = len(self._decisions)
        for frame in range(max(first, stop - capacity), stop):
            self._decisions[frame % capacity] = speech

    def fraction(self, start: int, end: int) -> float:
        """The fraction of decided frames inside ``[start, end)`` (samples from frame 0) that are speech; 0 if none."""
        capacity = len(self._decisions)
        first = max(-(-start // self.frame_length), self._count - capacity, 0)
        stop = min(end // self.frame_length, self._count)
        if stop <= first:
            return 0.0
        return int(self._decisions[np.arange(first, stop) % capacity].sum()) / (stop - first)

    def reset(self) -> None:
        """Forget all frames."""
        self._count = 0
        self._run = 0
        self._begin = None
        self._last_end = 0
