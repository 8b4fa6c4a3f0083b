"""A session: one source through the pipeline into all sinks, with the figures people ask for meanwhile."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_app.audio.source import AudioSource
from edge_app.core.records import EndReason, Notice, SessionEnd, SessionInfo
from edge_app.core.types import AudioBlock, Estimate, seconds
from edge_app.errors import AudioDeviceError, AudioFormatError
from edge_app.latency import LatencyHistogram
from edge_app.pipeline import Pipeline
from edge_app.sinks import Sink
from edge_app.worker import LiveWorker

QUIETEST = -100.0
FULL_SCALE = 0.999
CLIPPED_FRACTION = 0.01
CLIPPING_SAMPLES = 16_000
CLIPPED = "the input is clipped: more than 1 % of its samples are at full scale; lower the input gain"


@dataclass(frozen=True, slots=True)
class SessionStats:
    """How a session is doing now.

    Attributes:
        position: seconds since the start of the source.
        estimates: estimates made.
        dropped_blocks: blocks of audio lost so far.
        compute_ms_p50: median time of one update in milliseconds, None before the first.
        compute_ms_p95: its 95th percentile.
        rtf: compute time over audio time, None before any audio.
        level_dbfs: root mean square of the newest block in dB relative to full scale, at least -100.
        lag_seconds: seconds of audio taken in and not yet estimated.
        paused: the session is paused.
    """

    position: float
    estimates: int
    dropped_blocks: int
    compute_ms_p50: float | None
    compute_ms_p95: float | None
    rtf: float | None
    level_dbfs: float
    lag_seconds: float
    paused: bool


class Session:
    """One source, one pipeline, any number of sinks.

    A source that cannot be held back (a microphone) goes through a :class:`LiveWorker`; any other is estimated block
    by block, and nothing of it is ever dropped.

    Args:
        pipeline: what estimates; it is reset first.
        source: where audio comes from.
        info: what the sinks are told at the beginning.
        sinks: where estimates go, in the order in which they are opened.
    """

    def __init__(self, pipeline: Pipeline, source: AudioSource, info: SessionInfo, sinks: Sequence[Sink] = ()) -> None:
        self.info = info
        self._pipeline = pipeline
        self._source = source
        self._sinks = list(sinks)
        self._sinks_free = threading.Lock()
        self._latency = LatencyHistogram()
        self._clipping = ClippingWatch()
        self._worker: LiveWorker | None = None
        self._newest: AudioBlock | None = None
        self._position = 0
        self._overflows = 0
        self._going = threading.Event()
        self._going.set()

    def run(self, stop: threading.Event) -> SessionEnd:
        """Listen until the source ends or ``stop`` is set. Sinks are closed whatever happens.

        A reader of the output that goes away (``BrokenPipeError``) also ends the session, as if it was interrupted.
        The method sets ``stop`` itself when the session cannot go on.

        Raises:
            EdgeSerError: the source or a sink failed; what came before has been written.
        """
        opened: list[Sink] = []
        try:
            for sink in self._sinks:
                sink.open(self.info)
                opened.append(sink)
            self._pipeline.reset()
            reason = self._listen(stop)
        except BaseException as error:
            ended = self._end("interrupted" if isinstance(error, BrokenPipeError) else "error")
            for sink in opened:
                with contextlib.suppress(Exception):  # the first error is the one to tell
                    sink.close(ended)
            raise
        end = self._end(reason)
        with contextlib.ExitStack() as closing:
            for sink in reversed(opened):
                closing.callback(sink.close, end)
        return end

    def pause(self) -> None:
        """Take no audio until :meth:`resume`: a microphone is let go by, a file waits."""
        self._going.clear()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._going.set()

    def snapshot(self) -> SessionStats:
        """How the session is doing now; any thread may ask."""
        return SessionStats(
            position=seconds(self._position),
            estimates=self._latency.count,
            dropped_blocks=self._dropped,
            compute_ms_p50=self._milliseconds(50),
            compute_ms_p95=self._milliseconds(95),
            rtf=self._rtf,
            level_dbfs=level_dbfs(self._newest),
            lag_seconds=self._worker.lag if self._worker else 0.0,
            paused=not self._going.is_set(),
        )

    def _listen(self, stop: threading.Event) -> EndReason:
        return self._listen_live(stop) if self._source.realtime else self._listen_in_step(stop)

    def _listen_live(self, stop: threading.Event) -> EndReason:
        worker = self._worker = LiveWorker(self._pipeline, self._write, self._notice)

        def deliver(block: AudioBlock) -> None:
            self._arrived(block)
            if self._going.is_set():
                worker.submit(block)
            if worker.failed:
                stop.set()

        try:
            return self._source.run(deliver, stop, self._notice)
        finally:
            worker.close()

    def _listen_in_step(self, stop: threading.Event) -> EndReason:
        def deliver(block: AudioBlock) -> None:
            while not self._going.wait(0.1) and not stop.is_set():
                pass
            self._arrived(block)
            self._write(self._pipeline.feed(block))

        try:
            reason = self._source.run(deliver, stop, self._notice)
        except (AudioFormatError, AudioDeviceError):
            self._write(self._pipeline.flush())
            raise
        self._write(self._pipeline.flush())
        return reason

    def _arrived(self, block: AudioBlock) -> None:
        self._newest = block
        self._position = max(self._position, block.end)
        self._overflows += block.overflowed
        if self._clipping.check(block):
            self._notice(Notice("warning", CLIPPED))

    def _write(self, estimates: list[Estimate]) -> None:
        for estimate in estimates:
            self._latency.add(estimate.compute_seconds)
            with self._sinks_free:
                for sink in self._sinks:
                    sink.write(estimate)

    def _notice(self, notice: Notice) -> None:
        with self._sinks_free:
            for sink in self._sinks:
                sink.notice(notice)

    def _milliseconds(self, percent: float) -> float | None:
        value = self._latency.percentile(percent)
        return None if value is None else 1000 * value

    @property
    def _dropped(self) -> int:
        return self._overflows + (self._worker.dropped if self._worker else 0)

    @property
    def _rtf(self) -> float | None:
        return self._latency.total / seconds(self._position) if self._position else None

    def _end(self, reason: EndReason) -> SessionEnd:
        return SessionEnd(
            reason=reason,
            duration=seconds(self._position),
            estimates=self._latency.count,
            dropped_blocks=self._dropped,
            compute_ms_p50=self._milliseconds(50),
            compute_ms_p95=self._milliseconds(95),
            rtf=self._rtf,
        )


class ClippingWatch:
    """Says once when more than 1 % of at least a second of audio is at full scale."""

    def __init__(self) -> None:
        self._told = False
        self._seen = 0
        self._clipped = 0

    def check(self, block: AudioBlock) -> bool:
        """Count a block; true the one time that the audio so far turns out to be clipped."""
        if self._told:
            return False
        self._seen += len(block.samples)
        self._clipped += int(np.count_nonzero(np.abs(block.samples) >= FULL_SCALE))
        self._told = self._seen >= CLIPPING_SAMPLES and self._clipped > CLIPPED_FRACTION * self._seen
        return self._told


def level_dbfs(block: AudioBlock | None) -> float:
    """Root mean square of a block in dB relative to full scale, at least -100."""
    if block is None or not len(block.samples):
        return QUIETEST
    power = float(np.mean(np.square(block.samples, dtype=np.float64)))
    return max(QUIETEST, 10 * math.log10(power)) if power > 0 else QUIETEST
