"""Speech for benchmarks: one file, over and over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_app.audio.file import FileSource
from edge_app.core.types import AudioBlock, Floats, samples

BLOCK = samples(0.02)


def read_speech(path: Path) -> Floats:
    """All samples of a file, 16 kHz mono.

    Raises:
        AudioFormatError: the file is not audio.
    """
    blocks: list[Floats] = []
    FileSource(path).run(lambda block: blocks.append(block.samples), threading.Event())
    return np.concatenate(blocks)


def endless(speech: Floats, block: int = BLOCK) -> Iterator[AudioBlock]:
    """The speech again and again, as one stream of blocks."""
    position = 0
    while True:
        places = np.arange(position, position + block) % len(speech)
        yield AudioBlock(speech[places], position)
        position += block
