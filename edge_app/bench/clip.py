"""A recorded clip, run once from beginning to end: how long estimates take, and how they follow what is true."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edge_app.app import open_pipeline, session_info
from edge_app.audio.file import FileSource
from edge_app.audio.source import Deliver, Notify, ignore
from edge_app.bench.figures import Figure, Subject, spread, timed
from edge_app.bench.following import Shown, agreement, follow, label_changes
from edge_app.bench.machine import one_core
from edge_app.bench.timeline import TOLERANCE, Stretch, moods, read_timeline
from edge_app.bundle import load_bundle
from edge_app.core.records import EndReason, Notice, SessionEnd, SessionInfo
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Estimate
from edge_app.errors import ConfigurationError
from edge_app.session import Session
from edge_app.settings import PipelineSettings

BLOCK = 0.01
MINUTE = 60.0


class WatchedClip:
    """A source that plays a file in blocks of 10 ms, as a microphone does, and notes when it hands over each.

    Args:
        path: the file.
        realtime: at the pace of the clock, to a session that cannot hold it back.
    """

    def __init__(self, path: Path, realtime: bool) -> None:
        self._file = FileSource(path, realtime, BLOCK)
        self._ends: list[int] = []
        self._handed: list[float] = []
        self.description = path.name
        self.realtime = realtime
        self.duration = self._file.duration

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        """See :class:`edge_app.audio.source.AudioSource`."""

        def noting(block: AudioBlock) -> None:
            self._ends.append(block.end)
            self._handed.append(time.perf_counter())
            deliver(block)

        return self._file.run(noting, stop, notify)

    def arrivals(self, positions: Sequence[int]) -> list[float]:
        """When the sample before each position was there, by ``time.perf_counter``.

        A microphone delivers a block when its last sample has come, so those before it have waited. In real time the
        clock that counts is that of the block that was handed over with least delay; otherwise each block's own.
        """
        ends, handed = np.array(self._ends), np.array(self._handed)
        began = handed - ends / SAMPLE_RATE
        places = np.searchsorted(ends, positions).clip(0, len(ends) - 1)
        origin = np.full(len(positions), began.min()) if self.realtime else began[places]
        return [float(value) for value in origin + np.array(positions) / SAMPLE_RATE]


class Screen:
    """A sink that notes when it gets each estimate.

    Attributes:
        written: the estimates, each with the time by ``time.perf_counter``.
        ends: how the session ended.
    """

    def __init__(self) -> None:
        self.written: list[tuple[Estimate, float]] = []
        self.ends: list[SessionEnd] = []

    def open(self, info: SessionInfo) -> None:
        """Do nothing."""

    def write(self, estimate: Estimate) -> None:
        """Note it."""
        self.written.append((estimate, time.perf_counter()))

    def notice(self, notice: Notice) -> None:
        """Do nothing: what is dropped is counted."""

    def close(self, end: SessionEnd) -> None:
        """Note how it ended."""
        self.ends.append(end)


def measure_clip(subject: Subject) -> Iterator[Figure]:
    """Run the clip on one core; latency, drops and changes of the label, and how they follow a timeline.

    Raises:
        ConfigurationError: there is no clip, no speech in it, or a timeline of another one.
    """
    if subject.clip is None:
        raise ConfigurationError("the benchmark clip needs a recording; give --clip FILE")
    source = WatchedClip(subject.clip, subject.realtime)
    timeline = None if subject.timeline is None else read_timeline(subject.timeline)
    if timeline is not None and abs(timeline[-1].end - source.duration) > TOLERANCE:
        raise ConfigurationError(
            f"{subject.timeline}: ends at {timeline[-1].end:g} s, but {subject.clip.name} at {source.duration:g} s; "
            "give the timeline of this clip"
        )
    bundle = load_bundle(subject.model)
    settings = PipelineSettings(model=subject.model)
    screen = Screen()
    session = Session(open_pipeline(settings, bundle), source, session_info(settings, bundle, source), [screen])
    with one_core():
        session.run(threading.Event())
    arrived = source.arrivals([estimate.end for estimate, _ in screen.written])
    shown = [Shown(estimate, out - into) for (estimate, out), into in zip(screen.written, arrived, strict=True)]
    spoken = [each.estimate.compute_seconds for each in shown if each.estimate.state != "no-speech"]
    if not spoken:
        raise ConfigurationError("no speech was found in the clip; give --clip a recording of speech")
    yield timed("clip_update", "one update on the clip", spoken)
    yield timed("clip_end_to_end", "window's last sample in to estimate out", [each.latency for each in shown])
    yield Figure("clip_dropped", "dropped blocks", "", float(screen.ends[0].dropped_blocks))
    minutes = source.duration / MINUTE
    changes = label_changes(shown)
    yield Figure("clip_changes", "changes of the label", "/min", changes / minutes, count=changes)
    if timeline is not None:
        yield from _against_truth(shown, timeline, bundle.labels, minutes)


def _against_truth(
    shown: Sequence[Shown], timeline: Sequence[Stretch], labels: Sequence[str], minutes: float
) -> Iterator[Figure]:
    truth = moods(timeline)
    true_changes = max(len(truth) - 1, 0)
    yield Figure("clip_true_changes", "true changes of the emotion", "/min", true_changes / minutes, count=true_changes)
    if not true_changes:
        yield Figure(
            "clip_changes_ratio", "label over true changes", "", None, count=0, note="the emotion never changes"
        )
        return
    ratio = label_changes(shown) / true_changes
    yield Figure("clip_changes_ratio", "label over true changes", "", ratio, count=true_changes)
    followed = follow(shown, truth, labels)
    if followed.delays:
        yield spread("clip_delay", "true change to the label's change", "s", followed.delays)
    else:
        yield Figure("clip_delay", "true change to the label's change", "s", None, count=0, note="none was followed")
    if told := len(followed.waits):
        wait = sum(followed.waits) / told
        yield Figure("clip_wait", "without the new emotion, mean of all true changes", "s", wait, count=told)
        yield Figure("clip_already", "true changes to what was shown already", "", followed.already / told, count=told)
        yield Figure("clip_missed", "true changes that were never shown", "", followed.missed / told, count=told)
    right, total = agreement(shown, timeline, labels)
    if total:
        yield Figure("clip_agreement", "labels that are the true emotion", "", right / total, count=total)
