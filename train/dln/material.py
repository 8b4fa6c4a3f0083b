"""The features of a study: of utterances in simulated scenes, or of recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_app.core.types import Floats
from edge_app.errors import CorpusError
from train.config import ExperimentConfig
from train.corpora import Utterance, read_corpus
from train.corpora.manifest import is_manifest
from train.dln.experiment import CONDITIONS, Study
from train.dln.features import scene_functionals
from train.dln.protocol import Role, deal_roles, thinned
from train.dln.recorded import read_recorded, recorded_functionals
from train.dln.scenes import CLEAN, Scene

HEARD: dict[str, tuple[Role, ...]] = {"test": ("development", "test"), "train": ("unlabelled",)}
"""Which roles are heard in whose noise and rooms."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a study's material comes from.

    Attributes:
        root: the folder of the corpora, noise among them.
        cache: folder that keeps features.
        noisy: folder of recorded corpora; None to simulate.
        jobs: processes that compute features.
    """

    root: Path
    cache: Path
    noisy: Path | None = None
    jobs: int = 1

    def utterances(self, corpora: Sequence[str]) -> list[Utterance]:
        """The labelled utterances of corpora, or of all that were recorded.

        Raises:
            CorpusError: a corpus is missing, or a recording is in two of them.
        """
        if self.noisy is not None:
            found = read_recorded(self.noisy)
        else:
            found = [u for name in corpora for u in read_corpus(name, None if is_manifest(name) else self.root)]
        labelled = [utterance for utterance in found if utterance.label is not None]
        places = {(utterance.path.resolve(), utterance.start) for utterance in labelled}
        if len(places) < len(labelled):
            raise CorpusError("a recording is in two of the corpora; leave one of them out")
        return labelled

    def functionals(
        self, utterances: Sequence[Utterance], kind: str, scene: Scene, progress: Progress | None
    ) -> Floats:
        """Functionals of utterances in a scene, shape (utterances, functionals); what is not a number becomes 0."""
        if self.noisy is not None:
            found = recorded_functionals(utterances, kind, scene, self.noisy, self.cache, self.jobs, progress)
        else:
            found = scene_functionals(utterances, kind, scene, self.root, self.cache, self.jobs, progress)
        return np.nan_to_num(found)


def build_study(
    source: Source,
    corpora: Sequence[str],
    kind: str,
    config: ExperimentConfig,
    *,
    most: int,
    seed: int,
    judged: Role,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Study:
    """Deal the speakers their roles and compute what each role is heard in.

    Args:
        source: of utterances and features.
        corpora: names or manifests; of no consequence to recorded corpora.
        kind: a set of :mod:`edge_app.feature_table.sets`.
        config: of the nets.
        most: utterances of each speaker at most; 0 for all.
        seed: of roles, of which utterances, and of scenes.
        judged: which role is judged.
        progress: where progress is shown, if anywhere.
        tell: is told what is computed next.

    Raises:
        CorpusError: a corpus is missing, has too few speakers, or is not labelled as the classes ask.
    """
    utterances = thinned(source.utterances(corpora), most, seed)
    roles = deal_roles(utterances, seed)
    for role in ("training", judged):
        missing = set(config.data.labels) - {utterances[number].label for number in roles[role]}
        if missing:
            raise CorpusError(f"no utterance of the {role} speakers is labelled {', '.join(sorted(missing))}")
    tell(CLEAN)
    clean = source.functionals(utterances, kind, Scene(CLEAN, seed=seed), progress)
    features: dict[tuple[str, Role], Floats] = {(CLEAN, role): clean[numbers] for role, numbers in roles.items()}
    for condition in CONDITIONS[1:]:
        tell(condition)
        for side, heard in HEARD.items():
            numbers = np.sort(np.concatenate([roles[role] for role in heard]))
            scene = Scene(condition, "test" if side == "test" else "train", seed)
            values = source.functionals([utterances[number] for number in numbers], kind, scene, progress)
            features |= {(condition, role): values[np.isin(numbers, roles[role])] for role in heard}
    return Study(utterances, roles, features, config, judged)
