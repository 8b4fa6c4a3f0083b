"""A corpus recorded in a condition: a FLAC file for each utterance, and a manifest that reads as a corpus.

A file says in its comment how it was made, and only bears its name when it is whole. So a build that was broken off
goes on where it was, and one of other settings is told apart.
"""

from __future__ import annotations

import csv
import io
import json
import math
import multiprocessing
import os
import signal
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from edge_app.core.labels import DIMENSIONS
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.errors import ConfigurationError, CorpusError, OutputError
from train.corpora import Utterance, read_utterance
from train.corpora.manifest import RECORDED, REQUIRED
from train.noisy.material import KINDS, NoiseMaker, NoiseMaterial, check_rate
from train.noisy.places import CONDITIONS, PLACES, RECEIVERS, ROOMS, draw_place
from train.noisy.receiver import convert, draw_device
from train.noisy.recording import LEAD, Part, record
from train.noisy.sides import SIDES, Side

CLEAN = "clean"
AUDIO = "audio"
COLUMNS = (*REQUIRED, "gender", "language", *DIMENSIONS, "split", *RECORDED)
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PART = ".part"

METHOD = 1
"""Grows with every change of what is recorded, so that older recordings are told apart."""

How = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is recorded, and how.

    Attributes:
        corpus: whose utterances.
        condition: ``clean`` (as they are, not played at all) or a key of :data:`train.noisy.places.CONDITIONS`.
        side: whose noise and rooms.
        receiver: one of :data:`train.noisy.places.RECEIVERS`.
        kinds: keys of :data:`train.noisy.material.KINDS`, one of which is drawn for each utterance.
        seed: of everything drawn. What is drawn for an utterance is the same in all conditions.
    """

    corpus: str
    condition: str
    side: Side
    receiver: str = RECEIVERS[0]
    kinds: tuple[str, ...] = tuple(KINDS)
    seed: int = 0

    def tag(self, material: NoiseMaterial | None) -> How:
        """What a file's comment says of it, and of what noise was made of."""
        if self.condition == CLEAN:
            return {"method": METHOD, "corpus": self.corpus, "condition": CLEAN}
        noise = None if material is None else material.checksum
        return {"method": METHOD, **asdict(self), "kinds": list(self.kinds), "noise": noise}

    @property
    def folder(self) -> Path:
        """Where its corpus lies below the folder of all."""
        return Path(CLEAN) if self.condition == CLEAN else Path(self.condition) / self.side


def record_utterance(
    number: int, utterance: Utterance, plan: Plan, material: NoiseMaterial | None
) -> tuple[Floats, How]:
    """Record an utterance.

    Args:
        number: its place in the corpus: what is drawn depends on it, and not on which others are recorded.
        utterance: what is played.
        plan: in which way.
        material: what noise is made of; None where none is needed.

    Returns:
        The recording, float32, shape (n,), and what the columns ``RECORDED`` of a manifest say of it.

    Raises:
        CorpusError: speech or noise is silent, the noise too short, or a rate too low; the text names the recording.
        AudioFormatError: a recording cannot be read.
    """
    check_rate(utterance.path)
    speech = read_utterance(utterance)
    how: How = {"source": utterance.path.name}
    if plan.condition == CLEAN:
        return convert(speech.astype(np.float64)), how
    condition = CONDITIONS[plan.condition]
    rng = np.random.default_rng([plan.seed, SIDES.index(plan.side), zlib.crc32(plan.corpus.encode()), number])
    place = draw_place(plan.receiver, condition, plan.side, plan.seed, int(rng.integers(ROOMS * PLACES)))
    device = draw_device(plan.receiver, rng)
    how |= {
        "receiver": plan.receiver,
        "room": place.room,
        "reverberation": round(place.reverberation, 3),
        "distance": round(place.distance, 3),
    }
    parts = []
    try:
        if material is not None and math.isfinite(condition.snr):
            noise = NoiseMaker(material, rng).make(str(rng.choice(plan.kinds)), LEAD + len(speech))
            parts.append(Part(noise.samples, 0, len(speech), condition.snr))
            how |= {
                "noise": noise.kind,
                "noise_distance": round(place.noise_distance, 3),
                "noise_source": "; ".join(noise.sources),
            }
        recording = record(speech, parts, place, device, rng)
    except CorpusError as error:
        raise CorpusError(f"{utterance.path}: {error}") from None
    how |= {"snr": round(recording.snr() or 0.0, 3), "clipped": round(recording.clipped, 6)}
    return recording.samples, how


def build(
    utterances: Sequence[tuple[int, Utterance]],
    plan: Plan,
    material: NoiseMaterial | None,
    output: Path,
    jobs: int,
    stop: threading.Event,
) -> Iterator[How]:
    """Record the utterances that are not there yet and write the manifest when all are.

    Args:
        utterances: each with its place in the corpus.
        plan: in which way.
        material: what noise is made of; None where none is needed.
        output: folder of all conditions; the corpus goes into ``plan.folder`` below it.
        jobs: processes at work; 1 records here.
        stop: ends it early.

    Yields:
        What the columns ``RECORDED`` say of each utterance, in order.

    Raises:
        ConfigurationError: there are recordings of another plan, or a process was ended from outside.
        CorpusError: a recording cannot be used; the text names it.
        OutputError: a file cannot be written; what is there stays.
        KeyboardInterrupt: ``stop`` was set; what is there stays.
    """
    folder = output / plan.folder
    try:
        (folder / AUDIO).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {_reason(error)}; choose another --output") from None
    rows = []
    for (number, utterance), how in zip(
        utterances, _recorded(utterances, plan, material, folder, jobs, stop), strict=True
    ):
        rows.append(_row(number, utterance, how))
        yield how
    _write_manifest(folder / f"{plan.corpus}.csv", rows)


def clip_path(number: int, utterance: Utterance) -> Path:
    """Where the recording of an utterance lies in the folder of its condition."""
    return Path(AUDIO) / f"{number:05d}-{utterance.path.stem}.flac"


def write_flac(path: Path, samples: Floats, tag: How, how: How) -> None:
    """Write a recording, whole or not at all, with how it was made in its comment.

    Raises:
        OutputError: it cannot be written.
    """
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        file.comment = json.dumps({"plan": tag, "how": how})
        file.write(samples)
    write_whole(path, content.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there.

    Raises:
        OutputError: it cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: {_reason(error)}; make room or write elsewhere, the same command goes on from here"
        ) from None


def read_how(path: Path, tag: How) -> How | None:
    """How a recording that is there was made; None where there is none that can be read.

    Raises:
        ConfigurationError: it was made in another way.
    """
    try:
        with soundfile.SoundFile(path) as file:
            comment = json.loads(file.comment)
        found, how = comment["plan"], comment["how"]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    if found != tag:
        differing = sorted(key for key in {*found, *tag} if found.get(key) != tag.get(key))
        raise ConfigurationError(
            f"{path}: recorded with another {', '.join(differing)}; choose another --output, or remove that folder"
        )
    return dict(how)


def _recorded(
    utterances: Sequence[tuple[int, Utterance]],
    plan: Plan,
    material: NoiseMaterial | None,
    folder: Path,
    jobs: int,
    stop: threading.Event,
) -> Iterator[How]:
    if jobs == 1 or len(utterances) < 2:
        _begin_work(plan, material, folder)
        for item in utterances:
            if stop.is_set():
                raise KeyboardInterrupt
            yield _work(item)
        return
    with _pool(min(jobs, len(utterances)), plan, material, folder) as pool:
        try:
            for how in pool.map(_work, utterances):
                if stop.is_set():
                    raise KeyboardInterrupt
                yield how
        except BrokenProcessPool:
            raise ConfigurationError(
                f"--jobs {jobs}: a process was ended from outside, perhaps for lack of memory; choose fewer"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _pool(jobs: int, plan: Plan, material: NoiseMaterial | None, folder: Path) -> ProcessPoolExecutor:
    for name in SINGLE_THREADED:  # read by a process when it starts; this one has started
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")  # the progress bar has a thread, which a fork would break
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_process, initargs=(plan, material, folder))


_given: tuple[Plan, NoiseMaterial | None, Path, How]
"""What a process works with; set when it begins."""


def _begin_process(plan: Plan, material: NoiseMaterial | None, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    _begin_work(plan, material, folder)


def _begin_work(plan: Plan, material: NoiseMaterial | None, folder: Path) -> None:
    global _given
    _given = plan, material, folder, plan.tag(material)


def _work(item: tuple[int, Utterance]) -> How:
    plan, material, folder, tag = _given
    number, utterance = item
    path = folder / clip_path(number, utterance)
    if (how := read_how(path, tag)) is None:
        samples, how = record_utterance(number, utterance, plan, material)
        write_flac(path, samples, tag, how)
    return how


def _row(number: int, utterance: Utterance, how: How) -> How:
    known = {name: getattr(utterance, name) for name in ("label", "gender", "language", *DIMENSIONS, "split")}
    return {
        "path": clip_path(number, utterance).as_posix(),
        "speaker": utterance.speaker.removeprefix(f"{utterance.corpus}/"),
        **{name: value for name, value in known.items() if value is not None},
        **how,
    }


def _write_manifest(path: Path, rows: Sequence[How]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
