"""Measurements of this machine: what an update, an hour, a start and a session cost. To add one, register it here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from edge_app.bench.figures import Figure, Subject


class Bench(NamedTuple):
    """A benchmark: where it is, and how it measures, in a sentence for the report."""

    target: str
    method: str


BENCHES = {
    "update": Bench(
        "edge_app.bench.update:measure_updates",
        "Speech is fed in blocks of 20 ms. An update is all the time spent between two estimates: voice activity, "
        "features of the hop, model and smoothing. Updates without speech, which are cheaper, do not count.",
    ),
    "peer": Bench(
        "edge_app.bench.peer:measure_peer",
        "Each update is followed by openSMILE's eGeMAPSv02 functionals of the same one-second window, in the same "
        "process; the ratio is that of the medians.",
    ),
    "egemaps": Bench(
        "edge_app.bench.egemaps:measure_egemaps",
        "Speech is fed by quarters of a second; a window is all the time that its new frames and its functionals take. "
        "A recording is the whole file at once. openSMILE's eGeMAPSv02 functionals of every tenth window, and of the "
        "recording, are timed in the same process, in turns; ratios are those of medians.",
    ),
    "startup": Bench(
        "edge_app.bench.startup:measure_startup",
        "A block of audio lies in the pipe before the process starts; the clock stops when the pipe is empty. "
        "One start warms the disk cache up and does not count.",
    ),
    "memory": Bench(
        "edge_app.bench.memory:measure_memory",
        "The largest resident set that the kernel has seen (VmHWM) after six seconds of a file in real time; the "
        "terminal interface runs in a terminal of 80x24.",
    ),
    "size": Bench("edge_app.bench.size:measure_size", "The bundle's files, without those of other variants."),
    "hour": Bench(
        "edge_app.bench.hour:measure_hour",
        "'listen --input' on an hour of speech in one WAV file, from the start of the process to its end; the resident "
        "set is read at every fifth second of audio, and growth is the largest after minute 5 over that at minute 5.",
    ),
    "clip": Bench(
        "edge_app.bench.clip:measure_clip",
        "A recording in blocks of 10 ms, once; with --realtime at the pace of the clock, through the queue that a "
        "microphone's audio goes through. An update is what one estimate with speech costs. The time to an estimate is "
        "counted from the moment at which the last sample of its window was there, so it holds the wait for the end of "
        "a block, and neither window nor hop. A change of the label is one label after another, whatever lies between; "
        "a true change likewise. The time to a true change is counted up to the first estimate with the new emotion, "
        "where that comes before the next true change and the emotion was not shown already. As changes that are never "
        "shown have no such time, the mean of the time without the new emotion is told beside it: the whole of it "
        "where it was never shown, none where it was shown already. A true change is where the new emotion is first "
        "heard, after any pause. A label is compared with what is true in the middle of its window.",
    ),
}


def run_bench(name: str, subject: Subject) -> Iterator[Figure]:
    """Run a benchmark of ``BENCHES`` and yield its figures as they come.

    Raises:
        EdgeSerError: the model or the speech cannot be used.
    """
    module, _, attribute = BENCHES[name].target.partition(":")
    measure: Callable[[Subject], Iterator[Figure]] = getattr(importlib.import_module(module), attribute)
    return measure(subject)
