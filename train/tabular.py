"""From an experiment on functionals to a finished run: an encoder, linear heads on it, and calibrated probabilities."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from numpy.typing import NDArray
from rich.progress import Progress
from torch import nn

from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats
from edge_app.core.wearer import WearerSettings
from edge_app.errors import CorpusError
from train.calibration import calibrate
from train.config import ExperimentConfig
from train.corpora import Utterance
from train.dataset import LEAST_SPEECH
from train.functionals import FunctionalTable, build_table
from train.heads import fit_logistic, fit_readout, fit_svc
from train.ladder import fit_ladder
from train.latent import RowBatches, fit_encoder
from train.module import predict_log_probabilities, utterance_classes
from train.nets.autoencoders import LatentNet
from train.nets.base import EmotionNet
from train.nets.dense import DenseNet
from train.progress import training_progress
from train.protocols import split_validation
from train.resumed import LAST, begin
from train.rows import Rows, inside, make_rows, robust_baseline
from train.run import Run, build_net, save_run
from train.runner import (
    CALIBRATION_WINDOWS,
    Sides,
    describe_corpora,
    read_training_corpora,
    simulated_wearers,
    store_settings,
    versions,
)
from train.simulation import wearer_entry
from train.unlabelled import SUPERVISED, open_unlabelled, unlabelled_rows

SIMULATION = 2
"""With the seed, what simulated wearers are drawn by."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Standardised windows of utterances that have one of the classes.

    Attributes:
        features: shape (n, functionals).
        owner: the utterance of each, shape (n,).
        truth: the class of each utterance that occurs, by its number.
    """

    features: Floats
    owner: NDArray[np.int64]
    truth: dict[int, int]


def open_table(
    config: ExperimentConfig,
    utterances: Sequence[Utterance],
    root: Path | str | None,
    cache: Path,
    progress: Progress | None = None,
) -> FunctionalTable:
    """Functionals of the utterances, with the augmentation that the experiment asks for."""
    return build_table(utterances, store_settings(config, root), cache, progress=progress)


def training_rows(
    table: FunctionalTable, numbers: NDArray[np.int64], config: ExperimentConfig
) -> tuple[Rows, Baseline, WearerSettings]:
    """Rows of the windows with speech, clean and augmented, without outliers, and what standardises them.

    Where the experiment simulates the wearer's baseline, rows are standardised by what was heard of their speakers.

    Args:
        table: functionals.
        numbers: the utterances that train.
        config: the experiment.

    Raises:
        CorpusError: hardly any row is left.
    """
    chosen = table.speech_windows(LEAST_SPEECH)
    chosen = chosen[np.isin(table.owner[chosen], numbers)]
    values = table.values[:, chosen]
    baseline = robust_baseline(values[0], EXTRACTORS[config.data.features]().spec.digest)
    wearers = simulated_wearers(table, numbers, baseline, config)
    flat = values.reshape(-1, values.shape[2])
    owner = np.tile(table.owner[chosen], len(values))
    features = baseline.standardise(flat)
    if config.baseline.share > 0:
        rng = np.random.default_rng((config.optimiser.seed, SIMULATION))
        usual = wearers.draw(owner, rng, mean_shift(values, table.owner[chosen]))
        features = (flat - usual) / baseline.deviation
    rows = make_rows(features, owner, table.utterances, config.data.labels)
    return rows.select(inside(features)), baseline, wearers.settings


def mean_shift(values: Floats, owner: NDArray[np.int64]) -> Floats:
    """What augmentation added to the functionals of each row, mean over the rows of its utterance and version.

    Args:
        values: shape (versions, rows, functionals); version 0 is clean.
        owner: the utterance of each row, shape (rows,).

    Returns:
        Shape (versions * rows, functionals).
    """
    _, index, count = np.unique(owner, return_inverse=True, return_counts=True)
    total = np.zeros((len(values), len(count), values.shape[2]))
    for version, part in enumerate(values):
        np.add.at(total[version], index, part.astype(np.float64) - values[0])
    mean = total / count[:, None]
    return mean[:, index].reshape(-1, values.shape[2]).astype(np.float32)


def judged_windows(
    table: FunctionalTable, numbers: NDArray[np.int64], labels: Sequence[str], baseline: Baseline, least: float
) -> Windows:
    """The clean windows with speech of those utterances that have one of the classes."""
    truth = {
        int(n): labels.index(str(table.utterances[n].label)) for n in numbers if table.utterances[n].label in labels
    }
    chosen = table.speech_windows(least)
    chosen = chosen[np.isin(table.owner[chosen], sorted(truth))]
    owner = table.owner[chosen]
    features = baseline.standardise(table.values[0, chosen])
    return Windows(features, owner, {number: truth[number] for number in map(int, np.unique(owner))})


def fit_heads(net: EmotionNet, rows: Rows, config: ExperimentConfig) -> None:
    """Fit the classifier, and the read-out of the dimensions where the net has one, every group weighing the same.

    Raises:
        CorpusError: a class is missing.
    """
    classes, strength = len(config.data.labels), config.head.strength
    with torch.no_grad():
        embedding = net(torch.from_numpy(rows.features)).embedding.numpy()
    labelled = rows.select(np.flatnonzero(rows.label >= 0))
    fit = fit_svc if isinstance(net, LatentNet) else fit_logistic
    head = fit(embedding[rows.label >= 0], labelled.label, labelled.balance(), classes, strength)
    _put(net.emotion, head)
    if isinstance(net, LatentNet):
        known = np.flatnonzero(~np.isnan(rows.affect).any(axis=1))
        _put(net.affect, fit_readout(embedding[known], rows.affect[known], rows.select(known).balance()))


def _put(target: nn.Linear, source: nn.Linear) -> None:
    target.load_state_dict(source.state_dict())


def fit_table(
    config: ExperimentConfig,
    table: FunctionalTable,
    sides: Sides,
    path: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
    unlabelled: FunctionalTable | None = None,
) -> Run:
    """Train for all epochs, fit the heads, calibrate on the validation speakers, and save the run.

    Args:
        config: the experiment.
        table: functionals of all utterances.
        sides: which of them train and which validate; speakers must be disjoint.
        path: folder of the run.
        resume: continue from the last checkpoint in it, if there is one.
        quiet: show no progress.
        command: what was typed, for the record.
        unlabelled: functionals of speech that a ladder reconstructs besides; None for none.

    Raises:
        CorpusError: a class is missing on either side.
    """
    lightning.seed_everything(config.optimiser.seed, workers=True, verbose=False)
    rows, baseline, wearer = training_rows(table, sides.train, config)
    validation = judged_windows(table, sides.validation, config.data.labels, baseline, LEAST_SPEECH)
    if not validation.truth:
        raise CorpusError("no utterance of the validation speakers has one of the model's labels; change [data]")
    net = build_net(config)
    others = unlabelled_rows(unlabelled, baseline)
    if net.reconstructs and len(others) == 0:
        click.echo(f"edge-ser: {SUPERVISED}", err=True)
    last = path / "checkpoints" / LAST
    begin(config, last.parent, resume=resume)
    keep = ModelCheckpoint(last.parent, last.stem, enable_version_counter=False)
    callbacks = [keep, *training_progress(quiet)]
    resume_from = last if resume and last.is_file() else None
    epochs = 0
    if isinstance(net, LatentNet):
        epochs = fit_encoder(net, RowBatches(rows, config, balanced=True), config, callbacks, resume_from)
    elif isinstance(net, DenseNet):
        epochs = fit_ladder(net, rows, others, config, callbacks, resume_from).epochs
    fit_heads(net, rows, config)
    net.eval()
    features = torch.from_numpy(validation.features)
    temperature = calibrate(net, features, validation.owner, validation.truth)
    net.soften(temperature)
    scores = predict_log_probabilities(net, features)
    predicted, expected = utterance_classes(scores, validation.owner, validation.truth)
    rng = np.random.default_rng(config.optimiser.seed)
    chosen = rng.choice(len(rows.features), min(CALIBRATION_WINDOWS, len(rows.features)), replace=False)
    run = Run(
        path=path,
        config=config,
        net=net,
        baseline=baseline,
        calibration=rows.features[np.sort(chosen)],
        validation=validation.features,
        validation_utterance=validation.owner,
        validation_class=np.array([validation.truth[int(n)] for n in validation.owner]),
        record={
            "command": command,
            "seed": config.optimiser.seed,
            "epochs": epochs,
            "validation": {
                "uar": mean_recall(predicted, expected),
                "accuracy": float(np.mean(predicted == expected)),
                "utterances": len(expected),
                "temperature": temperature,
            },
            "wearer": wearer_entry(wearer),
            "corpora": _describe(table, sides, unlabelled, config),
            "versions": versions(),
        },
    )
    save_run(run)
    return run


def _describe(
    table: FunctionalTable, sides: Sides, unlabelled: FunctionalTable | None, config: ExperimentConfig
) -> dict[str, object]:
    """The corpora, those without labels among them: their licences bind what learnt from them, too."""
    others = unlabelled.utterances if unlabelled is not None else ()
    everything = [*table.utterances, *others]
    extra = np.arange(len(table.utterances), len(everything))
    both = Sides(np.concatenate((sides.train, extra)), sides.validation)
    return describe_corpora(everything, both, (*config.data.corpora, *config.data.unlabelled))


def mean_recall(predicted: NDArray[np.int64], expected: NDArray[np.int64]) -> float:
    """UAR: mean over the classes that occur of the share of right decisions."""
    return float(np.mean([np.mean(predicted[expected == each] == each) for each in np.unique(expected)]))


def train_table(
    config: ExperimentConfig, path: Path, root: Path | str | None, cache: Path, *, resume: bool = False
) -> Run:
    """Train an experiment on all its corpora, with some speakers of each kept for validation."""
    utterances = read_training_corpora(config, root)
    with Progress() as progress:
        table = open_table(config, utterances, root, cache, progress)
        unlabelled = open_unlabelled(config, root, cache, progress)
    sides = Sides(*split_validation(utterances, config.data.validation_share, config.optimiser.seed))
    command = " ".join(sys.argv[1:])
    return fit_table(config, table, sides, path, resume=resume, command=command, unlabelled=unlabelled)
