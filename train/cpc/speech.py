"""Speech without labels, as much as there is: recordings come one by one, and no folder is listed before its turn.

A corpus by name or manifest is read as always. A folder of any size is walked while it is heard: its files come in the
order in which the file system has them, its folders in random order, and a buffer of ``BUFFER`` recordings mixes them.
What comes depends on the seed and on the number of recordings before it alone, so a run that was broken off goes on
where it was without reading again what it had heard.
"""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features import FrameExtractor
from edge_app.errors import AudioFormatError, CorpusError
from train.corpora import CORPORA, Utterance, find_corpus, read_corpus, read_utterance
from train.corpora.audio import cut_off
from train.corpora.layout import is_audio
from train.corpora.manifest import is_manifest

BUFFER = 256
UNNAMED = "unnamed"

Side: TypeAlias = Literal["train", "validation"]
Source: TypeAlias = Callable[[np.random.Generator], Iterator[Utterance]]
"""All recordings of a corpus or folder once, in random order."""


def open_source(name: str, root: Path | str | None = None) -> Source:
    """A corpus, a manifest, or a folder of recordings.

    Raises:
        CorpusError: there is none of that name.
    """
    corpus = find_corpus(name)
    if name not in CORPORA and not is_manifest(name):

        def folder(rng: np.random.Generator) -> Iterator[Utterance]:
            for path in walk(Path(name), rng):
                yield Utterance(path=path, corpus=corpus.name, speaker=f"{corpus.name}/{UNNAMED}", language="und")

        return folder
    return listed(read_corpus(name, None if is_manifest(name) else root))


def listed(utterances: Sequence[Utterance]) -> Source:
    """Recordings that are known by name."""

    def source(rng: np.random.Generator) -> Iterator[Utterance]:
        return (utterances[number] for number in rng.permutation(len(utterances)))

    return source


def walk(folder: Path, rng: np.random.Generator) -> Iterator[Path]:
    """Recordings in a folder of any depth, its own first, then folder by folder in random order.

    Raises:
        CorpusError: a folder cannot be read.
    """
    inner = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    inner.append(Path(entry.path))
                elif is_audio(Path(entry.path)):
                    yield Path(entry.path)
    except OSError as error:
        raise CorpusError(f"{folder}: cannot be read ({error.strerror})") from None
    for number in rng.permutation(len(inner)):
        yield from walk(inner[number], rng)


def share_of(utterance: Utterance) -> float:
    """A number in [0, 1) by which recordings are put on a side: the speaker's, or the file's where nobody is named."""
    unnamed = utterance.speaker.endswith(f"/{UNNAMED}")
    return zlib.crc32((utterance.path.name if unnamed else utterance.speaker).encode()) / 2**32


class SpeechStream:
    """Recordings without end, from each source as often as from any other.

    Args:
        sources: what is heard, by name.
        held_out: share that is kept for validation.
        side: which side of it.
        seed: of the order.
        rank: number of this process.
        world: processes; each hears recordings of its own.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        held_out: float,
        side: Side = "train",
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._sources = sources
        self._held_out = held_out
        self._side = side
        self._seed = seed
        self._rank, self._world = rank, world

    def once(self) -> Iterator[Utterance]:
        """Every recording of this side once, one source after the other."""
        for number, source in enumerate(self._sources.values()):
            yield from filter(self._is_mine, source(np.random.default_rng((self._seed, number, 0))))

    def __iter__(self) -> Iterator[Utterance]:
        rng = np.random.default_rng((self._seed, self._rank))
        streams = [self._endless(number, name) for number, name in enumerate(self._sources)]

        def draw() -> Utterance:
            return next(streams[rng.integers(len(streams))])

        buffer = [draw() for _ in range(BUFFER)]
        while True:
            at = rng.integers(BUFFER)
            yield buffer[at]
            buffer[at] = draw()

    def _endless(self, number: int, name: str) -> Iterator[Utterance]:
        for time in itertools.count():
            found = False
            rng = np.random.default_rng((self._seed, number, time))
            for utterance in filter(self._is_mine, self._sources[name](rng)):
                found = True
                yield utterance
            if not found:
                raise CorpusError(
                    f"{name}: no recording to train on for process {self._rank + 1} of {self._world}; add some, hold "
                    "out less, or leave it out"
                )

    def _is_mine(self, utterance: Utterance) -> bool:
        if (share_of(utterance) < self._held_out) != (self._side == "validation"):
            return False
        return zlib.crc32(str(utterance.path).encode()) % self._world == self._rank


@dataclass(slots=True)
class Heard:
    """What was read so far.

    Attributes:
        recordings: files, and where in them an utterance begins.
        broken: files that could not be read, with the reason.
        short: files with too little audio to predict anything in.
    """

    recordings: set[tuple[Path, float | None]] = field(default_factory=set)
    broken: dict[Path, str] = field(default_factory=dict)
    short: set[Path] = field(default_factory=set)

    def add(self, other: Heard) -> None:
        """Add what was read elsewhere."""
        self.recordings |= other.recordings
        self.broken |= other.broken
        self.short |= other.short


class FrameReader:
    """Frames of recordings; those of the first ones stay in memory, as many as there is room for.

    Args:
        extractor: the features.
        least: frames that a recording must have.
        room: bytes that frames in memory may take.
    """

    def __init__(self, extractor: FrameExtractor, least: int, room: int = 2**30) -> None:
        self.heard = Heard()
        self._extractor = extractor
        self._least = least
        self._room = room
        self._kept: dict[tuple[Path, float | None], NDArray[np.float16]] = {}

    def keep(self, utterance: Utterance, frames: NDArray[np.float16]) -> None:
        """Keep frames that were computed before, shape (frames, dimension)."""
        self._kept[utterance.path, utterance.start] = frames

    def read(self, utterance: Utterance) -> NDArray[np.float16] | None:
        """Frames of a recording, shape (frames, dimension); None where it is broken or too short, which is noted."""
        key = utterance.path, utterance.start
        if key in self._kept:
            self.heard.recordings.add(key)
            return self._kept[key]
        if utterance.path in self.heard.broken or utterance.path in self.heard.short:
            return None
        try:
            samples = read_utterance(utterance)
        except AudioFormatError as error:
            self.heard.broken[utterance.path] = str(error)
            return None
        self._extractor.reset()
        frames = self._extractor.feed(samples).astype(np.float16)
        if len(frames) < self._least:
            if fault := cut_off(utterance.path):
                self.heard.broken[utterance.path] = str(fault)
            else:
                self.heard.short.add(utterance.path)
            return None
        self.heard.recordings.add(key)
        if frames.nbytes <= self._room:
            self._room -= frames.nbytes
            self._kept[key] = frames
        return frames
