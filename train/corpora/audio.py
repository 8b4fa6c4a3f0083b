"""Reading an utterance's samples."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from edge_app.audio.wav import read_header, truncation
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.core.types import samples as to_samples
from edge_app.errors import AudioFormatError
from train.corpora.utterance import Utterance

END_TOLERANCE = SAMPLE_RATE // 10
"""Samples by which a rounded end may lie beyond the end of its file."""


def _unreadable(path: Path, error: Exception) -> AudioFormatError:
    reason = str(error).splitlines()[0].rstrip(".")
    return AudioFormatError(f"{path}: cannot be read as audio ({reason})")


def read_audio(path: Path) -> Floats:
    """Read a whole file as 16 kHz mono, float32, shape (samples,), in [-1, 1]; channels are averaged.

    Raises:
        AudioFormatError: it cannot be opened, is not audio, is empty, or holds values that are not numbers.
    """
    try:
        frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    mono: Floats = frames.mean(axis=1)
    if len(mono) == 0:
        raise cut_off(path) or AudioFormatError(f"{path}: no audio in this file")
    if not np.isfinite(mono).all():
        raise AudioFormatError(f"{path}: holds values that are not numbers (NaN or infinite); convert the file again")
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.clip(mono, np.float32(-1.0), np.float32(1.0))


def cut_off(path: Path) -> AudioFormatError | None:
    """Why a recording that can be read is so short: it is a WAV file that ends before its header says; None if not."""
    header = read_header(path)
    return truncation(path, *header.lengths) if header and header.truncated and header.lengths else None


def utterance_length(utterance: Utterance) -> int:
    """How many samples an utterance has at 16 kHz, to the nearest, by the header of its file.

    Raises:
        AudioFormatError: the file cannot be opened, or is not audio.
    """
    if utterance.end is not None:
        return to_samples(utterance.end) - to_samples(utterance.start or 0.0)
    try:
        header = soundfile.info(utterance.path)
    except (OSError, RuntimeError) as error:
        raise _unreadable(utterance.path, error) from None
    return round(header.frames * SAMPLE_RATE / header.samplerate) - to_samples(utterance.start or 0.0)


def read_utterance(utterance: Utterance) -> Floats:
    """Read an utterance as 16 kHz mono, float32, shape (samples,), in [-1, 1].

    Raises:
        AudioFormatError: the file cannot be read, or ends before the utterance does.
    """
    if utterance.start is None and utterance.end is None:
        return read_audio(utterance.path)
    whole = _read_cached(utterance.path)
    first = to_samples(utterance.start or 0.0)
    stop = len(whole) if utterance.end is None else to_samples(utterance.end)
    if first >= len(whole):
        raise AudioFormatError(
            f"{utterance.path}: an utterance starts at {utterance.start:g} s, but the file ends at "
            f"{len(whole) / SAMPLE_RATE:g} s"
        )
    if stop > len(whole) + END_TOLERANCE:
        raise AudioFormatError(
            f"{utterance.path}: an utterance ends at {utterance.end:g} s, its file at {len(whole) / SAMPLE_RATE:g} s"
        )
    return whole[first:stop].copy()


# Many utterances of one long recording follow each other; seeking instead is not exact in Opus.
_read_cached = lru_cache(maxsize=1)(read_audio)
