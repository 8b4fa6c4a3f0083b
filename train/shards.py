"""Computing something slow about many utterances, in parallel, in shards that are kept on disk.

A computation that is broken off loses the shards it was at; the others are there when it starts again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from train.corpora import Utterance
from train.workers import end_with_parent

SHARD = 256
"""Utterances in one shard."""

Arrays = dict[str, NDArray[Any]]


def compute_shards(
    utterances: Sequence[Utterance],
    cache: Path,
    name: Callable[[int, Sequence[Utterance]], str],
    compute: Callable[[int, Sequence[Utterance]], Arrays],
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Compute the shards that are missing.

    Args:
        utterances: all of them.
        cache: folder that keeps the shards.
        name: what the shard that begins at a number is called; changes with anything that would change it.
        compute: what is to be known about the utterances of a shard; a function of a module.
        start: prepares a process, with the arguments; a function of a module.
        arguments: of ``start``.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.

    Returns:
        The ``.npz`` file of each shard, in order.
    """
    cache.mkdir(parents=True, exist_ok=True)
    jobs = []
    for first in range(0, len(utterances), SHARD):
        part = utterances[first : first + SHARD]
        jobs.append((compute, first, part, cache / f"{name(first, part)}.npz"))
    missing = [job for job in jobs if not job[3].is_file()]
    if missing:
        task = progress.add_task("features", total=len(missing)) if progress else None
        workers = min(workers or os.cpu_count() or 1, len(missing))
        with ProcessPoolExecutor(workers, initializer=_begin, initargs=(start, *arguments)) as pool:
            for _ in pool.map(_write, *zip(*missing, strict=True)):
                if progress is not None and task is not None:
                    progress.advance(task)
    return [path for *_, path in jobs]


def _begin(start: Callable[..., None], *arguments: Any) -> None:
    end_with_parent()
    start(*arguments)


def _write(
    compute: Callable[[int, Sequence[Utterance]], Arrays], first: int, utterances: Sequence[Utterance], path: Path
) -> None:
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        arrays: dict[str, Any] = compute(first, utterances)
        np.savez(file, **arrays)
    partial.rename(path)
