"""Audio files: whatever libsndfile reads, checked for being whole."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.audio.mixdown import ADVICE, REMEDY, Mixdown
from edge_app.audio.resampler import Resampler
from edge_app.audio.source import Deliver, Notify, ignore
from edge_app.audio.wav import MendedWav, WavHeader, read_header, truncation
from edge_app.core.records import EndReason, Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats, seconds
from edge_app.errors import AudioFormatError

SUFFIXES = (".wav", ".flac", ".opus", ".ogg", ".mp3")
BLOCK = 0.5
REALTIME_BLOCK = 0.01
STEP = 256
"""Frames that are read at once where a file is damaged."""

FLOATING = ("FLOAT", "DOUBLE")
LOUDEST = 2.0**16
"""Times full scale that a sample may have: numbers of 16 bits, written as they are, are only clipped, and told so."""

COUNTED = ("WAV", "WAVEX", "FLAC", "AIFF")


class FileSource:
    """An audio file.

    Args:
        path: the file; any rate, any number of channels.
        realtime: deliver at the pace of the clock.
        block: seconds in a block; None takes 0.5, or 0.01 in real time.
        channel: the channel that is heard alone, counted from 1; None hears the mean of all.

    Attributes:
        duration: seconds of audio that its header promises.
        rate: its sampling rate in hertz.

    Raises:
        AudioFormatError: it is missing, a folder, empty, not audio, or has no such channel.
    """

    def __init__(
        self, path: Path | str, realtime: bool = False, block: float | None = None, channel: int | None = None
    ) -> None:
        self._path = Path(path)
        self.description = str(path)
        self.realtime = realtime
        self._block = block or (REALTIME_BLOCK if realtime else BLOCK)
        self._channel = channel
        self._header = self._checked_header()
        with self._open() as file:
            self.duration = file.frames / file.samplerate
            self.rate = int(file.samplerate)
            if not file.frames:
                raise self._shortfall(file, 0) or AudioFormatError(f"{path}: no audio in this file; record it again")
            if channel is not None and channel > file.channels:
                raise AudioFormatError(f"{path}: no channel {channel}, the file has {file.channels}")

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        """See :class:`edge_app.audio.source.AudioSource`.

        Raises:
            AudioFormatError: there is less audio than the header promises, a part cannot be decoded, or a sample is
                not a number. All audio before that has been delivered.
        """
        position = 0
        began = time.monotonic()
        with self._open() as file:
            if file.samplerate < SAMPLE_RATE:
                notify(Notice("warning", self._narrow(file.samplerate)))
            for samples in self._resampled(file, notify):
                if self.realtime:
                    stop.wait(max(0.0, began + seconds(position + len(samples)) - time.monotonic()))
                if stop.is_set():
                    return "interrupted"
                deliver(AudioBlock(samples, position))
                position += len(samples)
        return "eof"

    def _resampled(self, file: Any, notify: Notify) -> Iterator[Floats]:
        mixdown, resampler = Mixdown(file.samplerate, self._channel), Resampler(file.samplerate)
        fault: AudioFormatError | None = None
        taken = 0
        while fault is None:
            frames, fault = self._read(file, taken)
            if not len(frames):
                break
            taken += len(frames)
            samples = resampler.feed(mixdown.feed(frames))
            if mixdown.cancels():
                notify(Notice("warning", f"the channels of {self._path.name} {ADVICE}; {REMEDY}"))
            if len(samples):
                yield samples
        rest = resampler.flush()
        if len(rest):
            yield rest
        if fault := fault or self._shortfall(file, taken):
            raise fault

    def _read(self, file: Any, taken: int) -> tuple[Floats, AudioFormatError | None]:
        """The next frames, and what is wrong just after them, if anything is."""
        import soundfile

        try:
            frames: Floats = file.read(round(self._block * file.samplerate), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            frames = self._before_damage(taken)
            at = (taken + len(frames)) / file.samplerate
            return frames, AudioFormatError(
                f"{self._path}: damaged at {at:.2f} s ({error.error_string.rstrip('.')}); nothing is read beyond"
            )
        if file.subtype in FLOATING and not (sound := (np.abs(frames) <= LOUDEST).all(axis=1)).all():
            good = int(np.argmin(sound))
            place, at = taken + good, (taken + good) / file.samplerate
            loud = np.isfinite(frames[good]).all()
            what = f"lies beyond {LOUDEST:g} times full scale" if loud else "is not a finite number"
            return frames[:good], AudioFormatError(
                f"{self._path}: sample {place} ({at:.3f} s) {what}; nothing is read beyond, repair the file"
            )
        return frames, None

    def _before_damage(self, taken: int) -> Floats:
        """What can be decoded from there on, read again in small steps: a block that fails is lost whole."""
        import soundfile

        with self._open() as file:
            pieces = [np.zeros((0, file.channels), np.float32)]
            with suppress(soundfile.LibsndfileError):
                file.seek(taken)
                for _ in range(0, round(self._block * file.samplerate), STEP):
                    pieces.append(file.read(STEP, dtype="float32", always_2d=True))
        return np.concatenate(pieces)

    def _shortfall(self, file: Any, taken: int) -> AudioFormatError | None:
        header = self._header
        if header is not None and header.truncated and header.lengths:
            return truncation(self._path, *header.lengths)
        if file.format in COUNTED and taken < file.frames:
            return truncation(self._path, file.frames / file.samplerate, taken / file.samplerate)
        return None

    def _checked_header(self) -> WavHeader | None:
        try:
            if self._path.is_dir():
                raise AudioFormatError(f"{self._path}: a folder, not a file; use 'edge-ser analyze' for folders")
            if self._path.exists() and not self._path.is_file():
                raise AudioFormatError(
                    f"{self._path}: a pipe or a device, not a file; 'edge-ser listen --input -' reads one"
                )
            if self._path.is_file() and self._path.stat().st_size == 0:
                raise AudioFormatError(f"{self._path}: the file is empty; record or copy it again")
            return read_header(self._path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AudioFormatError(f"{self._path}: {reason}; check the path") from None

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import soundfile  # only where it is needed: it costs 28 MB

        header = self._header
        with ExitStack() as opened:
            readable: bytes | MendedWav = os.fsencode(self._path)  # a name need not be valid UTF-8
            if header is not None and header.open_ended and header.declared == 0:
                readable = opened.enter_context(closing(MendedWav(self._path, header)))
            try:
                file = opened.enter_context(soundfile.SoundFile(readable))
            except (soundfile.LibsndfileError, TypeError) as error:
                raise AudioFormatError(
                    f"{self._path}: not an audio file that can be read ({_reason(error)}); "
                    f"edge-ser reads {' '.join(SUFFIXES)}"
                ) from None
            yield file

    def _narrow(self, rate: int) -> str:
        return (
            f"{self._path.name} is sampled at {rate / 1000:g} kHz: nothing is left of the voice above "
            f"{rate / 2000:g} kHz, which the models were trained to hear; estimates are less reliable"
        )


def _reason(error: Exception) -> str:
    """What libsndfile says, without the path that soundfile puts before them."""
    return str(getattr(error, "error_string", error)).rstrip(".").lower()
