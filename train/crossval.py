"""Cross-validation with speakers disjoint: train a net per fold, decide about its utterances, score all together."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edge_app.core.labels import AFFECT_NORMS, DIMENSIONS
from edge_app.counted import counted
from edge_app.errors import ConfigurationError, CorpusError
from train.config import ExperimentConfig
from train.corpora import Utterance, read_corpus
from train.dataset import WindowPool, affect, clean_windows
from train.functionals import FunctionalTable
from train.material import Material
from train.module import EVALUATION_BATCH
from train.protocols import Fold, folds, split_validation
from train.resumed import LAST
from train.run import Run, build_net, feature_shape
from train.runner import Sides, fit, open_store
from train.summary import Decisions, summarise
from train.tabular import fit_table, judged_windows, open_table
from train.trust import trust
from train.unlabelled import open_unlabelled
from train.workers import end_with_parent

LEAST_SPEECH = 0.3
"""A test window is read from this much speech on, as on the device."""

RESULT = "fold.json"
IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Plan:
    """A cross-validation, described well enough for a process of its own to work on a fold.

    Attributes:
        config: the experiment.
        corpora: the corpora that are cut into folds.
        protocol: how, see :func:`train.protocols.folds`.
        also: corpora that train in every fold.
        root: folder of the corpora.
        cache: folder of computed features.
        path: where folds keep their runs and results.
    """

    config: ExperimentConfig
    corpora: tuple[str, ...]
    protocol: str
    also: tuple[str, ...]
    root: Path
    cache: Path
    path: Path


def read_plan(plan: Plan) -> tuple[list[Utterance], list[Fold]]:
    """All utterances, those that are cut into folds first, and the folds over them.

    Raises:
        CorpusError: a recording would be in training and in test.
    """
    own = _labelled(plan.corpora, plan.root)
    utterances = own + _labelled(plan.also, plan.root)
    shared = {u.path.resolve() for u in own} & {u.path.resolve() for u in utterances[len(own) :]}
    if shared:
        twice = counted(len(shared), "recording")
        raise CorpusError(f"--also brings {twice} of {', '.join(plan.corpora)} again; leave it out")
    others = np.arange(len(own), len(utterances))
    cut = [Fold(f.name, np.concatenate((f.train, others)), f.test) for f in folds(plan.protocol, own, plan.root)]
    return utterances, cut


def _labelled(corpora: Sequence[str], root: Path) -> list[Utterance]:
    return [u for name in corpora for u in read_corpus(name, root) if u.label is not None]


def cross_validate(plan: Plan, jobs: int) -> Iterator[tuple[Fold, dict[str, Any]]]:
    """Work on all folds and yield each with its result as it is done. Folds that have a result are not repeated.

    Raises:
        ConfigurationError: a process was ended from outside.
    """
    utterances, cut = read_plan(plan)
    open_material(plan.config, utterances, plan.root, plan.cache)
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(plan,)) as pool:
            yield from zip(cut, pool.map(_work_on_fold, range(len(cut))), strict=True)
    except BrokenProcessPool:
        raise ConfigurationError(
            f"--jobs {jobs}: a process was ended from outside, perhaps for lack of memory; choose fewer. Finished "
            "folds are kept"
        ) from None


def score_folds(plan: Plan, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures over all folds' test utterances together, what each fold got, and what was done."""
    rows = [row for result in results for row in result["rows"]]
    labels, names = plan.config.data.labels, build_net(plan.config).dimensions
    places = [DIMENSIONS.index(name) for name in names]
    decisions = Decisions(
        labels=labels,
        dimension_names=names,
        speakers=[row["speaker"] for row in rows],
        truth=np.array([labels.index(row["label"]) for row in rows]),
        probabilities=np.array([row["probabilities"] for row in rows]),
        reference=np.array([row["affect"] for row in rows])[:, places],
        dimensions=np.array([row["dimensions"] for row in rows]),
    )
    tested = [result["fold"] for result in results]
    fold = np.repeat(np.arange(len(results)), [len(result["rows"]) for result in results])
    trusted = {"trust": trust(decisions.probabilities, decisions.truth, fold, tested)} if len(results) > 1 else {}
    return {
        "config": plan.config.as_dict(),
        "corpora": list(plan.corpora),
        "protocol": plan.protocol,
        "speaker_independent": plan.protocol != "emobox",
        "also": list(plan.also),
        "seed": plan.config.optimiser.seed,
        "n": len(rows),
        "folds": {result["fold"]: result["uar"] for result in results},
        **summarise(decisions),
        **trusted,
    }


_worker: tuple[Plan, Material, list[Fold], FunctionalTable | None]


def _start_worker(plan: Plan) -> None:
    global _worker
    end_with_parent()
    torch.set_num_threads(1)
    utterances, cut = read_plan(plan)
    material = open_material(plan.config, utterances, plan.root, plan.cache)
    _worker = plan, material, cut, open_unlabelled(plan.config, plan.root, plan.cache)


def fold_path(plan: Plan, fold: Fold) -> Path:
    """The folder of a fold's run and result."""
    return plan.path / fold.name.replace("/", "-").replace(" ", "-")


def _work_on_fold(number: int) -> dict[str, Any]:
    plan, store, cut, unlabelled = _worker
    gc.collect()  # a trainer refers to itself, so the last fold's validation windows, a gigabyte, would stay
    fold = cut[number]
    path = fold_path(plan, fold)
    identity = _identity(plan, store, fold)
    if (path / RESULT).is_file():
        result: dict[str, Any] = json.loads((path / RESULT).read_text(encoding="utf-8"))
        if result["identity"] == identity:
            return result
    resume = _begin_fold(path, identity)
    training = [store.utterances[n] for n in fold.train]
    inner, validation = split_validation(training, plan.config.data.validation_share, plan.config.optimiser.seed)
    data = dataclasses.replace(plan.config.data, corpora=(*plan.corpora, *plan.also))
    config = dataclasses.replace(plan.config, data=data)
    sides = Sides(fold.train[inner], fold.train[validation])
    if isinstance(store, FunctionalTable):
        run = fit_table(config, store, sides, path, resume=resume, quiet=True, unlabelled=unlabelled)
    else:
        run = fit(config, store, sides, path, resume=resume, quiet=True)
    rows = decide(run, store, fold)
    hits: dict[str, list[bool]] = {}
    for row in rows:
        guess = plan.config.data.labels[int(np.argmax(row["probabilities"]))]
        hits.setdefault(row["label"], []).append(guess == row["label"])
    uar = float(np.mean([np.mean(right) for right in hits.values()]))
    result = {"identity": identity, "fold": fold.name, "uar": round(uar, 4), "rows": rows}
    partial = path / f"{RESULT}.part"
    partial.write_text(json.dumps(result) + "\n", encoding="utf-8")
    partial.rename(path / RESULT)
    return result


def _begin_fold(path: Path, identity: str) -> bool:
    """Note what is trained in a fold's folder, and say whether the very same was begun there before."""
    note = path / IDENTITY
    begun = note.is_file() and note.read_text(encoding="utf-8") == identity
    path.mkdir(parents=True, exist_ok=True)
    note.write_text(identity, encoding="utf-8")
    return begun and (path / "checkpoints" / LAST).is_file()


def open_material(config: ExperimentConfig, utterances: Sequence[Utterance], root: Path, cache: Path) -> Material:
    """Frames or functionals of the utterances, whichever the experiment's net reads."""
    open_ = open_table if len(feature_shape(config.data.features)) == 1 else open_store
    return open_(config, utterances, root, cache)


def decide(run: Run, store: Material, fold: Fold) -> list[dict[str, Any]]:
    """Decide about each test utterance that has one of the classes: mean log-probability of its windows."""
    labels = run.config.data.labels
    judged = np.array([n for n in fold.test if store.utterances[n].label in labels], dtype=np.int64)
    if isinstance(store, FunctionalTable):
        windows = judged_windows(store, judged, labels, run.baseline, LEAST_SPEECH)
        features, owner = torch.from_numpy(windows.features), windows.owner
    else:
        features, owner = clean_windows(WindowPool(store, judged, labels, LEAST_SPEECH), run.baseline)
    with torch.no_grad():
        parts = [run.net(part) for part in features.split(EVALUATION_BATCH)]
        logarithms = torch.cat([torch.log_softmax(part.logits, dim=1) for part in parts]).numpy()
        dimensions = torch.cat([part.dimensions for part in parts]).numpy()
    rows = []
    for number in judged:
        utterance, mine = store.utterances[number], owner == number
        if not mine.any():
            continue
        mean = logarithms[mine].mean(axis=0).astype(np.float64)
        scores = np.exp(mean - mean.max())
        rows.append(
            {
                "file": utterance.path.name,
                "speaker": utterance.speaker,
                "label": utterance.label,
                "probabilities": (scores / scores.sum()).round(6).tolist(),
                "dimensions": dimensions[mine].mean(axis=0).astype(np.float64).round(6).tolist(),
                "affect": list(affect(utterance)),
            }
        )
    return rows


def _identity(plan: Plan, store: Material, fold: Fold) -> str:
    """Changes with anything that would change the fold's result."""
    known = {
        "config": plan.config.as_dict(),
        "train": [str(store.utterances[n].path) for n in fold.train],
        "test": [str(store.utterances[n].path) for n in fold.test],
        "norms": AFFECT_NORMS,
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
