from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fakes import voice

from edge_app.audio.stdin import StdinSource
from edge_app.core.types import AudioBlock
from edge_app.errors import AudioFormatError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def write_in_pieces(descriptor: int, content: bytes, size: int) -> threading.Thread:
    def write() -> None:
        for at in range(0, len(content), size):
            os.write(descriptor, content[at : at + size])
        os.close(descriptor)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def run(reader: int) -> list[AudioBlock]:
    blocks: list[AudioBlock] = []
    assert StdinSource(reader).run(blocks.append, threading.Event()) == "eof"
    return blocks


@pytest.mark.parametrize("size", [4096, 333, 70_001])
def test_samples_come_as_they_were_written(pipe: tuple[int, int], rng: np.random.Generator, size: int) -> None:
    pcm = (voice(rng, 1.5) * 32_767).astype("<i2")
    thread = write_in_pieces(pipe[1], pcm.tobytes(), size)
    blocks = run(pipe[0])
    thread.join()
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), pcm / np.float32(32_768))
    assert blocks[-1].end == len(pcm)


def test_an_odd_byte_is_told_after_all_whole_samples(pipe: tuple[int, int]) -> None:
    thread = write_in_pieces(pipe[1], bytes(2001), 512)
    blocks: list[AudioBlock] = []
    with pytest.raises(AudioFormatError, match="2001 bytes came, an odd count"):
        StdinSource(pipe[0]).run(blocks.append, threading.Event())
    thread.join()
    assert sum(len(block.samples) for block in blocks) == 1000


def test_nothing_at_all_is_an_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(AudioFormatError, match="no audio came"):
        run(pipe[0])


def test_closed_standard_input_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(AudioFormatError, match="standard input is closed"):
        StdinSource()


def test_a_terminal_is_refused() -> None:
    parent, child = os.openpty()
    try:
        with pytest.raises(AudioFormatError, match="standard input is a terminal"):
            StdinSource(child)
    finally:
        os.close(parent)
        os.close(child)


def test_stop_ends_a_pipe_on_which_nothing_comes(pipe: tuple[int, int]) -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert StdinSource(pipe[0]).run(lambda block: None, stop) == "interrupted"
    os.close(pipe[1])


@pytest.mark.parametrize(
    ("begin", "name"), [(b"RIFF", "a WAV file"), (b"fLaC", "a FLAC file"), (b"OggS", "an Ogg file")]
)
def test_a_file_with_its_header_is_refused(pipe: tuple[int, int], begin: bytes, name: str) -> None:
    thread = write_in_pieces(pipe[1], begin + bytes(1000), 4096)
    with pytest.raises(AudioFormatError, match=f"{name}, not raw samples; give --input FILE"):
        run(pipe[0])
    thread.join()
