"""What the wearer's baseline is worth: the same utterances judged with nothing, little or much heard of the speaker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats, Window
from edge_app.core.wearer import WearerSettings
from train.config import ExperimentConfig
from train.corpora import Utterance
from train.crossval import LEAST_SPEECH
from train.frames import FrameStore
from train.functionals import FunctionalTable
from train.heads import fit_logistic, fit_svc
from train.material import CutWindows, Material
from train.nets.linear import LinearClassifier
from train.protocols import Fold, folds, split_validation
from train.run import load_run
from train.runner import Sides, fit
from train.simulation import wearer_entry
from train.summary import Decisions, summarise
from train.tabular import fit_table, training_rows
from train.wearers import Wearers, later, parse_setting

SETTINGS = (
    "none", "adaptive:5", "adaptive:15", "adaptive:60", "adaptive", "one-mood:60", "enrolled:5", "enrolled:15",
    "enrolled:30", "whole",
)  # fmt: skip
HOLD_OUT = 30.0
"""Seconds of every speaker's neutral speech that no setting scores."""

LINEAR = {"svc": fit_svc, "logistic": fit_logistic}
STRENGTH = 0.01
"""C of the linear classifiers: between 0.001 and 0.1 figures hardly move."""

WITHIN_FOLDS = 5
Scores: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Model:
    """Something that was trained without the speakers it judges.

    Attributes:
        baseline: statistics of its training windows.
        wearer: how it takes a wearer's baseline.
        classify: from standardised windows, shape (n, ...), to scores of the classes, shape (n, classes).
    """

    baseline: Baseline
    wearer: WearerSettings
    classify: Callable[[Floats], Scores]


def cut(protocol: str, utterances: Sequence[Utterance], root: Path, also: Sequence[str] = ()) -> Iterator[Fold]:
    """The folds of a study.

    Args:
        protocol: ``loco`` over all corpora; ``loso``, one speaker left out; or ``within``, five groups of speakers of
            each corpus by itself.
        utterances: of all corpora.
        root: where the corpora are.
        also: corpora whose utterances train in every fold and are not tested.
    """
    corpora = np.array([utterance.corpus for utterance in utterances])
    if protocol != "within":
        others = np.isin(corpora, also)
        own = np.flatnonzero(~others)
        for fold in folds(protocol, [utterances[number] for number in own.tolist()], root):
            yield Fold(fold.name, np.append(own[fold.train], np.flatnonzero(others)), own[fold.test])
        return
    for name in sorted(set(corpora)):
        inside = np.flatnonzero(corpora == name)
        for fold in folds(f"group-{WITHIN_FOLDS}", [utterances[number] for number in inside.tolist()], root):
            yield Fold(f"{name} {fold.name}", inside[fold.train], inside[fold.test])


def fit_linear(kind: str, config: ExperimentConfig, table: FunctionalTable, fold: Fold) -> Model:
    """A linear classifier of functionals clipped at 5 deviations, every class of every corpus weighing the same.

    Args:
        kind: a key of ``LINEAR``.
        config: labels, features, and whether wearers are simulated.
        table: functionals of all utterances.
        fold: which of them train.
    """
    rows, baseline, wearer = training_rows(table, fold.train, config)
    rows = rows.select(rows.label >= 0)
    net = LinearClassifier((rows.features.shape[1],), len(config.data.labels))
    clipped = rows.features.clip(-net.clip, net.clip)
    net.emotion = LINEAR[kind](clipped, rows.label, rows.balance(), len(config.data.labels), STRENGTH)
    logits = net.eval()

    def classify(features: Floats) -> Scores:
        with torch.no_grad():
            found = logits(torch.from_numpy(features)).logits
        return (found if kind == "svc" else torch.log_softmax(found, dim=1)).numpy()

    return Model(baseline, wearer, classify)


def fit_net(config: ExperimentConfig, material: Material, fold: Fold, path: Path) -> Model:
    """A net, trained on the fold unless its folder holds the finished run of this very configuration.

    Args:
        config: the experiment.
        material: frames or functionals of all utterances.
        fold: which of them train; some of the speakers are kept for validation.
        path: folder of the run.
    """
    if not (path / "run.json").is_file() or load_run(path).config != config:
        training = [material.utterances[number] for number in fold.train]
        inner, validation = split_validation(training, config.data.validation_share, config.optimiser.seed)
        sides = Sides(fold.train[inner], fold.train[validation])
        if isinstance(material, FrameStore):
            fit(config, material, sides, path, quiet=True)
        else:
            fit_table(config, material, sides, path, quiet=True)
    run = load_run(path)
    entry = run.record["wearer"]

    def classify(features: Floats) -> Scores:
        with torch.no_grad():
            return torch.log_softmax(run.net(torch.from_numpy(features)).logits, dim=1).numpy()

    ordinary = np.array(entry["ordinary"], dtype=np.float32) if "ordinary" in entry else None
    return Model(run.baseline, WearerSettings(ordinary=ordinary), classify)


def judge(
    model: Model,
    utterances: Sequence[Utterance],
    windows: Callable[[Utterance], list[Window]],
    labels: Sequence[str],
    setting: str,
    seed: int = 0,
) -> tuple[list[tuple[Utterance, Scores]], Wearers]:
    """Judge the utterances of speakers whom the model never met, after something was heard of them.

    Args:
        model: judges.
        utterances: all of these speakers, some of which are only heard or enrolled.
        windows: of an utterance.
        labels: the classes; utterances of others are heard, not judged.
        setting: a key of :mod:`train.wearers`.
        seed: of what is heard.

    Returns:
        Each judged utterance with its scores, the mean over its windows with speech; and what was heard.
    """
    wearers = Wearers(model.baseline, model.wearer, parse_setting(setting), HOLD_OUT, utterances, windows, seed)
    judged = []
    for utterance in wearers.in_order([each for each in utterances if each.label in labels]):
        start = wearers.start(utterance)
        spoken = later(windows(utterance), start.offset)
        if not spoken:
            continue
        rows = []
        for window in spoken:
            rows.append(start.stage.standardise(window.features))
            start.stage.hear(window)
        speech = np.array([window.speech for window in spoken])
        chosen = speech >= min(LEAST_SPEECH, speech.max())
        judged.append((utterance, model.classify(np.stack(rows)[chosen]).mean(axis=0)))
    return judged, wearers


def study(
    config: ExperimentConfig,
    material: Material,
    cuts: Sequence[Fold],
    make: Callable[[Fold], Model],
    progress: Callable[[Fold], object] = lambda fold: None,
) -> dict[str, Any]:
    """Judge every fold's test speakers under every setting.

    Args:
        config: labels and features.
        material: frames or functionals of all utterances.
        cuts: the folds.
        make: trains a model on a fold.
        progress: told of each fold when it is done.

    Returns:
        By setting and corpus ``uar``, its ``interval`` over speakers, ``n``, ``heard`` and ``weight`` (means), and
        speakers ``without`` enrolment; the ``mean`` UAR over corpora by setting.
    """
    labels = config.data.labels
    extractor = EXTRACTORS[config.data.features]()
    cutter = CutWindows(material, extractor)
    numbers = {utterance: number for number, utterance in enumerate(material.utterances)}
    judged: dict[tuple[str, str], list[tuple[Utterance, Scores]]] = {}
    heard: dict[tuple[str, str], list[Wearers]] = {}
    wearer: WearerSettings | None = None
    for fold in cuts:
        model = make(fold)
        wearer = dataclasses.replace(model.wearer, ordinary=None)
        tested = [material.utterances[number] for number in fold.test]
        for setting in SETTINGS:
            rows, wearers = judge(model, tested, lambda each: cutter.of(numbers[each]), labels, setting)
            key = setting, tested[0].corpus
            judged.setdefault(key, []).extend(rows)
            heard.setdefault(key, []).append(wearers)
        progress(fold)
    figures: dict[str, Any] = {setting: {} for setting in SETTINGS}
    for (setting, corpus), rows in judged.items():
        figures[setting][corpus] = _figures(rows, heard[setting, corpus], labels)
    for found in figures.values():
        found["mean"] = round(float(np.mean([each["uar"] for each in found.values()])), 4)
    return {"wearer": wearer_entry(wearer) if wearer else None, "hold_out": HOLD_OUT, "settings": figures}


def _figures(
    rows: Sequence[tuple[Utterance, Scores]], wearers: Sequence[Wearers], labels: tuple[str, ...]
) -> dict[str, Any]:
    scores = np.array([score for _, score in rows], dtype=np.float64)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    found = summarise(
        Decisions(
            labels=labels,
            dimension_names=(),
            speakers=[utterance.speaker for utterance, _ in rows],
            truth=np.array([labels.index(str(utterance.label)) for utterance, _ in rows]),
            probabilities=scores / scores.sum(axis=1, keepdims=True),
            reference=np.zeros((len(rows), 0)),
            dimensions=np.zeros((len(rows), 0)),
        )
    )
    return {
        "uar": found["uar"],
        "interval": found["interval"]["uar"],
        "recall": found["recall"],
        "n": len(rows),
        "held": sum(len(each.held) for each in wearers),
        "heard": round(float(np.mean([value for each in wearers for value in each.heard])), 2),
        "weight": round(float(np.mean([value for each in wearers for value in each.weights])), 4),
        "without": sorted(speaker for each in wearers for speaker in each.without),
    }
