"""An hour of speech: how fast it goes through, and whether memory grows."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge_app.bench.figures import Figure, Subject
from edge_app.bench.machine import one_core, program
from edge_app.bench.process import MEGABYTE, finish, resident
from edge_app.bench.speech import endless, read_speech
from edge_app.core.types import SAMPLE_RATE, Floats, samples

SETTLED = 300.0
LOOK_EVERY = 5.0


def measure_hour(subject: Subject) -> Iterator[Figure]:
    """Real-time factor and growth of memory of ``listen`` on an hour of speech, on one core."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        write_long(path, read_speech(subject.speech), subject.audio)
        command = [*program(), "listen", "--model", subject.model, "--input", str(path), "--ui", "jsonl"]
        began = time.perf_counter()
        with one_core():
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
        with process:
            looks = list(_watch(process))
            finish(process)
        elapsed = time.perf_counter() - began
    yield Figure("hour_rtf", "an hour of speech, over real time", "", elapsed / subject.audio)
    later = [size for position, size in looks if position >= min(SETTLED, subject.audio / 2)]
    yield Figure("hour_growth", "memory growth after minute 5", "MB", (max(later) - later[0]) / MEGABYTE)


def write_long(path: Path, speech: Floats, duration: float) -> None:
    """Write a WAV file that repeats the speech for a number of seconds."""
    import soundfile

    left = samples(duration)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for block in endless(speech, SAMPLE_RATE):
            file.write(block.samples[:left])
            left -= len(block.samples)
            if left <= 0:
                return


def _watch(process: subprocess.Popen[bytes]) -> Iterator[tuple[float, int]]:
    """Positions in seconds and the bytes in memory there, a few per minute of audio."""
    assert process.stdout is not None
    due = 0.0
    for line in process.stdout:
        record = json.loads(line)
        if record["type"] == "estimate" and record["end"] >= due:
            yield record["end"], resident(process.pid)
            due += LOOK_EVERY
