"""Who trains, who is heard without labels, who is judged, and their frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress

from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.config import ExperimentConfig
from train.corpora import Utterance, read_corpus
from train.corpora.manifest import is_manifest
from train.deepcluster.experiment import Study
from train.deepcluster.training import clean_frames
from train.dln.protocol import deal_roles, thinned
from train.unlabelled import read_unlabelled


def build_study(
    config: ExperimentConfig,
    root: Path | str | None,
    cache: Path,
    *,
    most: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Study, dict[Path, str]]:
    """Deal the speakers of ``[data] corpora`` to their roles, and compute all frames.

    Without labels are heard the speakers who were dealt that role, and all of ``[data] unlabelled``.

    Args:
        config: the experiment.
        root: folder of the corpora.
        cache: folder that keeps frames.
        most: utterances of each labelled speaker at most; 0 for all.
        seed: of the roles.
        progress: where progress is shown, if anywhere.

    Returns:
        The study, and the files without labels that cannot be used, each with the reason.

    Raises:
        CorpusError: a corpus is missing, has too few speakers, or holds a file that cannot be used.
    """
    utterances = thinned(_read(config.data.corpora, root), most, seed)
    roles = deal_roles(utterances, seed)
    labelled = clean_frames(utterances, config, cache, progress)
    if labelled.broken:
        lost, first = counted(len(labelled.broken), "labelled recording"), next(iter(labelled.broken.values()))
        raise CorpusError(f"{lost} cannot be used; the first: {first}")
    heard = [replace(utterances[number], label=None) for number in roles["unlabelled"]]
    found = clean_frames([*heard, *read_unlabelled(config, root)], config, cache, progress)
    return Study(labelled.store, roles, found.store, config), found.broken


def _read(corpora: Sequence[str], root: Path | str | None) -> list[Utterance]:
    return [
        utterance
        for name in corpora
        for utterance in read_corpus(name, None if is_manifest(name) else root)
        if utterance.label is not None
    ]
