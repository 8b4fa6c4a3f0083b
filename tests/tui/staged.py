"""A session that says what a test, or the screenshot, wants it to say."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence

from textual.pilot import Pilot

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate, samples
from edge_app.session import SessionStats
from edge_app.tui.app import MEASURE_EVERY
from edge_app.tui.screens import DeviceChoice

LABELS = ("neutral", "happiness", "sadness", "anger")
DIMENSIONS = ("arousal", "valence", "dominance")
INFO = SessionInfo("chunk-cnn", "int8", LABELS, DIMENSIONS, 1.0, 0.25, "Built-in Microphone")
END = SessionEnd("eof", 63.5, 251, 0, 1.8, 2.3, 0.008)
DEVICES = [DeviceChoice("0", "Built-in Microphone"), DeviceChoice("3", "USB Audio Device: Mono")]
STATS = SessionStats(
    position=76.0, estimates=301, dropped_blocks=0, compute_ms_p50=1.8, compute_ms_p95=2.3, rtf=0.008,
    level_dbfs=-23.4, lag_seconds=0.0, paused=False,
)  # fmt: skip


def estimate(
    end: float, label: str | None = "anger", confidence: float = 0.62, labels: Sequence[str] = LABELS
) -> Estimate:
    """An estimate that ends at a time in seconds. The label "?" is an uncertain one, None is no speech."""
    if label is None:
        return Estimate(samples(end - 1), samples(end), "no-speech", None, None, {}, None, None, None, 0.02, 0.0018)
    best = labels[0] if label == "?" else label
    rest = [1 / (3 + position) for position in range(len(labels) - 1)]
    others = iter(share * (1 - confidence) / sum(rest) for share in rest)
    scores = {name: confidence if name == best else next(others) for name in labels}
    arousal = 0.75 * math.sin(end / 4) * math.cos(end / 13)
    valence = 0.6 * math.cos(end / 6) - 0.2
    return Estimate(
        samples(end - 1), samples(end), "uncertain" if label == "?" else "speech", None if label == "?" else label,
        confidence, scores, arousal, valence, 0.3, 0.93, 0.0018,
    )  # fmt: skip


def minute(last: Estimate, hop: float = 0.25) -> list[Estimate]:
    """A minute and a quarter of estimates with a pause in speech, ending with the given one."""
    times = [1 + hop * count for count in range(int(75 / hop))]
    return [estimate(time, None if 40 < time < 46 else "anger") for time in times] + [last]


class FakeSession:
    """Writes what it was given, then waits to be stopped.

    Args:
        sinks: told everything.
        said: estimates and notices, in order.
        end: how it ends by itself; None waits for the stop.
        error: raised at the end instead.
        told: set when everything was said.
    """

    def __init__(
        self,
        sinks: Sequence[object],
        said: Sequence[Estimate | Notice],
        info: SessionInfo = INFO,
        end: SessionEnd | None = None,
        error: Exception | None = None,
        told: threading.Event | None = None,
    ) -> None:
        self._sinks, self._said, self._info, self._end, self._error = sinks, said, info, end, error
        self._told = told or threading.Event()
        self.calls: list[str] = []
        self.stopped = threading.Event()

    def run(self, stop: threading.Event) -> SessionEnd:
        for sink in self._sinks:
            sink.open(self._info)
            for record in self._said:
                (sink.notice if isinstance(record, Notice) else sink.write)(record)
        self._told.set()
        if self._error is not None:
            raise self._error
        if self._end is None:
            stop.wait(60)
        end = self._end or SessionEnd("interrupted", 12.0, len(self._said), 0, 1.8, 2.3, 0.008)
        for sink in self._sinks:
            sink.close(end)
        self.stopped.set()
        return end

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def snapshot(self) -> SessionStats:
        return STATS


class Stage:
    """Makes fake sessions and keeps them, with the devices they were asked for."""

    def __init__(self, *said: Estimate | Notice, **session: object) -> None:
        self._script, self._session = said, session
        self.said = threading.Event()
        self.devices: list[str | None] = []
        self.sessions: list[FakeSession] = []
        self.refused: dict[str, Exception] = {}

    def make(self, device: str | None, sinks: Sequence[object]) -> FakeSession:
        self.devices.append(device)
        if device in self.refused:
            raise self.refused[device]
        self.said.clear()
        self.sessions.append(FakeSession(sinks, self._script, told=self.said, **self._session))
        return self.sessions[-1]

    async def settled(self, pilot: Pilot[None]) -> None:
        """Wait until everything was said and drawn, the session's figures too."""
        async with asyncio.timeout(20):
            while not self.said.is_set():
                await pilot.pause(0.02)
            await pilot.pause(2 * MEASURE_EVERY)
