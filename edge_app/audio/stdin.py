"""Raw audio on standard input: 16 kHz, mono, signed 16-bit little-endian, as ``arecord -t raw`` writes it."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading

import numpy as np

from edge_app.audio.source import Deliver, Notify, ignore
from edge_app.core.records import EndReason
from edge_app.core.types import SAMPLE_RATE, AudioBlock
from edge_app.errors import AudioFormatError

MOST_BYTES = 16_000
BYTES_PER_SAMPLE = 2
FULL_SCALE = 32768
RECIPE = "pipe raw 16 kHz mono s16le into it, e.g. arecord -t raw -f S16_LE -r 16000 | edge-ser listen --input -"

CONTAINERS = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"FORM": "an AIFF file"}
"""What recordings in files begin with: as raw samples, their headers would be heard."""


class StdinSource:
    """Samples from a pipe. The pipe's writer sets the pace, and waits while the program is busy.

    Args:
        descriptor: the file descriptor to read; None takes standard input.

    Raises:
        AudioFormatError: standard input is closed or a terminal.
    """

    description = "stdin"
    realtime = False
    rate = SAMPLE_RATE

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            if sys.stdin is None or sys.stdin.closed:
                raise AudioFormatError(f"standard input is closed; {RECIPE}")
            descriptor = sys.stdin.fileno()
        if os.isatty(descriptor):
            raise AudioFormatError(f"standard input is a terminal; {RECIPE}")
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise AudioFormatError(f"standard input is a folder; {RECIPE}")
        self._descriptor = descriptor

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        """See :class:`edge_app.audio.source.AudioSource`.

        Raises:
            AudioFormatError: a file came with its header, nothing came, or the last sample is half a sample; what was
                whole has been delivered.
        """
        position, half = 0, b""
        while not stop.is_set():
            if not select.select([self._descriptor], [], [], 0.1)[0]:
                continue
            received = os.read(self._descriptor, MOST_BYTES)
            if not received:
                self._check_end(position, half)
                return "eof"
            received = half + received
            if not position and (container := CONTAINERS.get(received[:4])):
                raise AudioFormatError(f"standard input: {container}, not raw samples; give --input FILE, or {RECIPE}")
            whole = len(received) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
            half = received[whole:]
            if whole:
                pcm = np.frombuffer(received[:whole], dtype="<i2")
                deliver(AudioBlock(pcm.astype(np.float32) / np.float32(FULL_SCALE), position))
                position += len(pcm)
        return "interrupted"

    def _check_end(self, position: int, half: bytes) -> None:
        if half:
            count = position * BYTES_PER_SAMPLE + len(half)
            raise AudioFormatError(
                f"standard input: {count} bytes came, an odd count, so the last sample is cut or this is not "
                "raw 16 kHz mono s16le; estimates cover the whole samples"
            )
        if not position:
            raise AudioFormatError(f"standard input: no audio came; {RECIPE}")
