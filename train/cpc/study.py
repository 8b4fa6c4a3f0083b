"""The four settings of Li et al. (ICASSP 2021), trained and tested with speakers disjoint.

Sup       the whole net learns from labels alone, from fresh weights
jointCPC  the same, with InfoNCE beside the labels
miniCPC   its encoder was pre-trained on the audio of the training side, without its labels
preCPC    its encoder was pre-trained on other speech

Every pre-trained encoder and every trial is kept: a study that is broken off goes on where it was.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import lightning
import numpy as np

from edge_app.core.features import EXTRACTORS
from train.config import ExperimentConfig
from train.corpora import Utterance, find_corpus
from train.cpc.judging import Judged, Utterances
from train.cpc.pretraining import pretrain, read_record
from train.cpc.recogniser import fit_recogniser, make_recogniser
from train.cpc.speech import UNNAMED, FrameReader, listed
from train.frames import FrameStore
from train.nets.cpc import STEP
from train.protocols import Fold, split_validation
from train.runner import Sides

Setting: TypeAlias = Literal["Sup", "jointCPC", "miniCPC", "preCPC"]
SETTINGS: tuple[Setting, ...] = ("Sup", "jointCPC", "miniCPC", "preCPC")

JOINT = 1.0
"""Weight of InfoNCE in jointCPC."""

WEIGHTS = ((1 / 3, 1 / 3), (1 / 2, 1 / 4), (1 / 4, 1 / 2), (1 / 4, 1 / 4))
"""What a and b are searched among: all dimensions alike, or one of them twice as heavy."""


@dataclass(frozen=True, slots=True)
class Study:
    """What is trained, and on what.

    Attributes:
        config: the recogniser's experiment.
        pretraining: the encoder's; its ``[data] unlabelled`` is what preCPC hears.
        store: frames of the labelled utterances.
        folds: who is trained on and who is tested.
        root: folder of the corpora.
        path: folder that keeps encoders and trials.
        reader: frames that pre-training has in memory.
    """

    config: ExperimentConfig
    pretraining: ExperimentConfig
    store: FrameStore
    folds: Sequence[Fold]
    root: Path | str | None
    path: Path
    reader: FrameReader

    @property
    def utterances(self) -> Sequence[Utterance]:
        """The labelled utterances."""
        return self.store.utterances


def make_reader(store: FrameStore, config: ExperimentConfig) -> FrameReader:
    """A reader that has the labelled utterances in memory already."""
    reader = FrameReader(EXTRACTORS[config.data.features](), least=STEP * (config.cpc.ahead + 1))
    for number, utterance in enumerate(store.utterances):
        frames = store.frames[0, store.offsets[number] : store.offsets[number + 1]]
        if len(frames) >= STEP * (config.cpc.ahead + 1):
            reader.keep(utterance, frames)
    return reader


def run_study(
    study: Study, seeds: Sequence[int], advance: Callable[[str], None] = lambda name: None
) -> Iterator[dict[str, Any]]:
    """Run all trials and yield each as it is done.

    Args:
        study: what is trained.
        seeds: of weights, batches and validation speakers; one trial of each setting and fold for each.
        advance: told what is done, before it is.

    Yields:
        ``fold``, ``setting``, ``seed``, ``uar``, ``ccc`` (arousal, valence, dominance), ``n``, and ``weights`` (a, b).
    """
    weights = {fold.name: searched_weights(study, fold, advance) for fold in study.folds}
    for seed, fold, setting in itertools.product(seeds, study.folds, SETTINGS):
        advance(f"{setting}, {fold.name}, seed {seed}")
        yield _kept(
            study.path / "trials" / f"{_plain(fold.name)}-{setting}-{seed}.json",
            _identity(study, fold, setting, str(seed), str(weights[fold.name])),
            partial(_trial, study, fold, setting, seed, weights[fold.name]),
        )


def searched_weights(study: Study, fold: Fold, advance: Callable[[str], None]) -> tuple[float, float]:
    """The a and b whose net agrees best with the validation speakers, trained from labels for half the time."""
    scores = []
    epochs = max(1, study.config.optimiser.epochs // 2)
    brief = replace(study, config=replace(study.config, optimiser=replace(study.config.optimiser, epochs=epochs)))
    for number, weights in enumerate(WEIGHTS):
        advance(f"a = {weights[0]:.2f}, b = {weights[1]:.2f}, {fold.name}")
        found = _kept(
            study.path / "trials" / f"{_plain(fold.name)}-weights-{number}.json",
            _identity(brief, fold, "weights", str(weights)),
            partial(_validated, brief, fold, weights),
        )
        scores.append(float(np.nanmean(found["ccc"])))
    return WEIGHTS[int(np.argmax(scores))]


def encoder_folder(study: Study, fold: Fold, setting: Setting, seed: int) -> Path | None:
    """The pre-trained encoder of a setting, trained if it is not there; None for a setting without one."""
    if setting not in ("miniCPC", "preCPC"):
        return None
    config = study.pretraining.with_seed(seed)
    if setting == "preCPC":
        path, sources = study.path / f"pre-{seed}", None
    else:
        # Without names of speakers, single recordings are held out: the corpora at hand have few speakers.
        heard = [
            replace(utterance, speaker=f"{utterance.corpus}/{UNNAMED}")
            for utterance in map(study.utterances.__getitem__, fold.train)
        ]
        named = {name: [u for u in heard if u.corpus == find_corpus(name).name] for name in study.config.data.corpora}
        sources = {name: listed(found) for name, found in named.items() if found}
        config = replace(config, data=replace(config.data, unlabelled=tuple(sources)))
        path = study.path / f"mini-{_plain(fold.name)}-{seed}"
    identity = hashlib.sha256(json.dumps(config.as_dict(), sort_keys=True).encode()).hexdigest()[:16]
    path = path.with_name(f"{path.name}-{identity}")
    if not (path / "pretrain.json").is_file():
        pretrain(
            config, path, study.root, quiet=True, resume=(path / "checkpoints").is_dir(),
            command="reproduce cpc", reader=study.reader, sources=sources,
        )  # fmt: skip
    return path


def pretrained_record(study: Study, seed: int) -> dict[str, Any]:
    """What the encoder of preCPC heard and learnt."""
    path = encoder_folder(study, study.folds[0], "preCPC", seed)
    assert path is not None
    return read_record(path)


def _validated(study: Study, fold: Fold, weights: tuple[float, float]) -> dict[str, Any]:
    return {"ccc": _train(study, fold, "Sup", 0, weights)[1].ccc}


def _trial(study: Study, fold: Fold, setting: Setting, seed: int, weights: tuple[float, float]) -> dict[str, Any]:
    judged, _ = _train(study, fold, setting, seed, weights)
    return {
        "fold": fold.name,
        "setting": setting,
        "seed": seed,
        "uar": round(judged.uar, 4),
        "ccc": [round(value, 4) for value in judged.ccc],
        "n": int((judged.truth >= 0).sum()),
        "weights": [round(value, 4) for value in weights],
    }


def _train(
    study: Study, fold: Fold, setting: Setting, seed: int, weights: tuple[float, float]
) -> tuple[Judged, Judged]:
    """Train a net in a setting; what it says of the test utterances, and of the validation speakers'."""
    pretrained = encoder_folder(study, fold, setting, seed)
    config = study.config.with_seed(seed)
    cpc = replace(
        config.cpc,
        arousal=weights[0],
        valence=weights[1],
        pretrained=str(pretrained) if pretrained else "",
        joint=JOINT if setting == "jointCPC" else 0.0,
    )
    config = replace(config, cpc=cpc)
    training = [study.utterances[number] for number in fold.train]
    inner, validation = split_validation(training, config.data.validation_share, seed)
    sides = Sides(fold.train[inner], fold.train[validation])
    lightning.seed_everything(seed, workers=True, verbose=False)
    net, contrast, _ = make_recogniser(config)
    folder = study.path / "training"
    _, baseline, judged, _ = fit_recogniser(config, study.store, sides, folder, (net, contrast), quiet=True)
    tested = Utterances(study.store, fold.test, config.data.labels, baseline)
    return _within(tested.judge(net)), judged.judge(net)


def _within(judged: Judged) -> Judged:
    """Only the utterances of the classes, on which the dimensions are judged, too."""
    known = judged.truth >= 0
    return Judged(
        judged.numbers[known], judged.logits[known], judged.dimensions[known], judged.truth[known], judged.affect[known]
    )


def _kept(path: Path, identity: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A result that was kept, or is computed now and kept."""
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["identity"] == identity:
            return found
    found = {"identity": identity, **compute()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(found) + "\n", encoding="utf-8")
    draft.rename(path)
    return found


def _identity(study: Study, fold: Fold, *more: str) -> str:
    """Changes with anything that would change a result."""
    known = {
        "config": study.config.as_dict(),
        "pretraining": study.pretraining.as_dict(),
        "train": [str(study.utterances[number].path.name) for number in fold.train],
        "test": [str(study.utterances[number].path.name) for number in fold.test],
        "more": more,
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _plain(name: str) -> str:
    return name.replace("/", "-").replace(" ", "-")
