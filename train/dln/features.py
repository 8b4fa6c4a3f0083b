"""Functionals of whole utterances in a scene, kept between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats
from edge_app.errors import CorpusError
from edge_app.feature_table.layout import FeatureComputer, TableSettings
from edge_app.feature_table.sets import make_computer
from train.corpora import Utterance, read_utterance
from train.dln.scenes import Scene, SceneRecorder
from train.shards import Arrays, compute_shards


def scene_functionals(
    utterances: Sequence[Utterance],
    kind: str,
    scene: Scene,
    root: Path,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Functionals of whole utterances as they are heard in a scene, computed or reloaded.

    Args:
        utterances: what is heard.
        kind: a set of :mod:`edge_app.feature_table.sets`.
        scene: where.
        root: the folder of the corpora, noise among them.
        cache: folder that keeps them.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.

    Returns:
        float32, shape (utterances, functionals).

    Raises:
        CorpusError: an utterance is shorter than a frame, or silent.
        BackendMissing: the set needs a package that is not installed.
    """
    make_computer(TableSettings(kind))  # fails here, and not in another process
    paths = compute_shards(
        utterances,
        cache,
        partial(_digest, kind=kind, scene=scene),
        _compute,
        _start,
        (kind, scene, root),
        workers=workers,
        progress=progress,
    )
    return np.concatenate([np.load(path)["values"] for path in paths])


_worker: tuple[FeatureComputer, SceneRecorder]


def _start(kind: str, scene: Scene, root: Path) -> None:
    global _worker
    _worker = make_computer(TableSettings(kind)), SceneRecorder(scene, root)


def _compute(first: int, utterances: Sequence[Utterance]) -> Arrays:
    computer, recorder = _worker
    rows = []
    for number, utterance in enumerate(utterances, start=first):
        computer.feed(recorder.record(read_utterance(utterance), number))
        values = computer.finish().values
        if len(values) == 0:
            raise CorpusError(f"{utterance.path}: an utterance is too short for a frame of features; leave it out")
        rows.append(values[0])
    return {"values": np.stack(rows)}


def _digest(first: int, utterances: Sequence[Utterance], kind: str, scene: Scene) -> str:
    identity = {
        "functionals": [kind, EXTRACTORS[kind]().spec.digest if kind in EXTRACTORS else ""],
        "scene": asdict(scene),
        "first": first,
        "files": [(str(u.path), u.path.stat().st_size, u.start, u.end) for u in utterances],
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
