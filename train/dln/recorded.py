"""Features of a corpus that ``edge-ser record`` recorded: a folder per condition and side, with manifests."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from edge_app.core.types import Floats, seconds
from edge_app.errors import CorpusError
from train.corpora import Utterance, read_corpus, read_utterance
from train.das.features import utterance_functionals
from train.dln.scenes import CLEAN, Scene, spoken_part


def read_recorded(folder: Path) -> list[Utterance]:
    """The clean utterances of all corpora of the folder, cut to speech, in the order of manifests and lines.

    Raises:
        CorpusError: there is no manifest, or one cannot be read.
    """
    manifests = sorted((folder / CLEAN).glob("*.csv"))
    if not manifests:
        raise CorpusError(f"{folder / CLEAN}: no manifest (.csv); make the corpora with edge-ser record")
    return [_cut(utterance) for manifest in manifests for utterance in read_corpus(str(manifest))]


def recorded_functionals(
    utterances: Sequence[Utterance],
    kind: str,
    scene: Scene,
    folder: Path,
    cache: Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Functionals of the recordings of clean utterances in a scene, cut where the clean ones are.

    Args:
        utterances: of :func:`read_recorded`.
        kind: a set of :mod:`edge_app.feature_table.sets`.
        scene: which recordings.
        folder: of all conditions.
        cache: folder that keeps them.
        workers: processes; None takes one per core.
        progress: where progress is shown, if anywhere.

    Returns:
        float32, shape (utterances, functionals).

    Raises:
        CorpusError: a recording is missing.
    """
    if scene.condition != CLEAN:
        utterances = twins(utterances, folder / scene.condition / scene.side)
    return utterance_functionals(utterances, kind, cache, workers, progress)


def twins(utterances: Sequence[Utterance], folder: Path) -> list[Utterance]:
    """The same utterances, in time with the clean ones, in another condition's folder.

    Raises:
        CorpusError: one of them was not recorded there.
    """
    recorded: dict[tuple[str, str], Utterance] = {}
    for corpus in sorted({utterance.corpus for utterance in utterances}):
        for utterance in read_corpus(str(folder / f"{corpus}.csv")):
            recorded[corpus, utterance.path.name] = utterance
    found = []
    for utterance in utterances:
        other = recorded.get((utterance.corpus, utterance.path.name))
        if other is None:
            raise CorpusError(f"{folder}: no recording of {utterance.path.name}; record all conditions alike")
        found.append(dataclasses.replace(other, start=utterance.start, end=utterance.end))
    return found


def _cut(utterance: Utterance) -> Utterance:
    start, stop = spoken_part(read_utterance(utterance))
    return dataclasses.replace(utterance, start=seconds(start), end=seconds(stop))
