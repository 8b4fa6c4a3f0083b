"""Recordings that cannot be used, found before they stop a computation: people's own folders hold broken files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_app.counted import counted
from edge_app.errors import AudioFormatError
from train.corpora import Utterance, read_utterance
from train.corpora.audio import cut_off
from train.shards import Arrays, compute_shards


def skip_broken(
    utterances: Sequence[Utterance],
    least: int,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[list[Utterance], dict[Path, str]]:
    """Sort out what cannot be read.

    Args:
        utterances: all of them; what was found about their files is kept and not looked for again.
        least: samples that an utterance must have.
        cache: folder that keeps what was found.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.

    Returns:
        Those that can be used, and the others by their files, each with the reason.
    """

    def name(first: int, part: Sequence[Utterance]) -> str:
        files = [(str(u.path), u.path.stat().st_size, u.path.stat().st_mtime_ns, u.start, u.end) for u in part]
        return "readable-" + hashlib.sha256(json.dumps([least, files]).encode()).hexdigest()[:24]

    paths = compute_shards(utterances, cache, name, _compute, _start, (least,), workers=workers, progress=progress)
    reasons = [str(reason) for path in paths for reason in np.load(path)["reasons"]]
    found = list(zip(utterances, reasons, strict=True))
    return [u for u, reason in found if not reason], {u.path: reason for u, reason in found if reason}


_least: int


def _start(least: int) -> None:
    global _least
    _least = least


def _compute(first: int, utterances: Sequence[Utterance]) -> Arrays:
    return {"reasons": np.array([_reason(utterance) for utterance in utterances], dtype=np.str_)}


def _reason(utterance: Utterance) -> str:
    """Why an utterance cannot be used; empty where it can."""
    try:
        length = len(read_utterance(utterance))
    except AudioFormatError as error:
        return str(error)
    if length >= _least:
        return ""
    return str(cut_off(utterance.path) or f"{utterance.path}: too short, {counted(length, 'sample')}")
