"""From an experiment with clusters to a finished run, as any net of frames leaves it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from rich.progress import Progress

from edge_app.core.features import EXTRACTORS
from edge_app.counted import counted
from edge_app.errors import ConfigurationError, CorpusError
from train.calibration import calibrate
from train.config import ExperimentConfig, WaveformConfig
from train.corpora import Utterance
from train.dataset import WindowPool, clean_windows
from train.deepcluster.baselines import Companion
from train.deepcluster.chunks import Chunks, StageBatches
from train.deepcluster.module import ClusterModule, Development
from train.frames import FrameStore, build_store
from train.latent import fit_module
from train.module import predict_log_probabilities, utterance_classes
from train.nets.base import EmotionNet
from train.progress import training_progress
from train.protocols import split_validation
from train.readable import skip_broken
from train.resumed import LAST, begin
from train.run import Run, build_net, save_run
from train.runner import (
    Sides,
    calibration_windows,
    describe_corpora,
    open_store,
    read_training_corpora,
    simulated_wearers,
    store_settings,
    versions,
)
from train.simulation import wearer_entry
from train.tabular import mean_recall
from train.unlabelled import read_unlabelled

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Speech without labels.

    Attributes:
        store: its frames, clean only.
        broken: files that were left out, each with the reason.
    """

    store: FrameStore
    broken: dict[Path, str]


@dataclass(frozen=True, slots=True)
class Material:
    """What a net is trained on.

    Attributes:
        store: frames of all labelled utterances.
        sides: which of them train, and which stop the training; speakers must be disjoint.
        unlabelled: speech without labels; None for none.
    """

    store: FrameStore
    sides: Sides
    unlabelled: FrameStore | None = None


def open_unlabelled(
    config: ExperimentConfig, root: Path | str | None, cache: Path, progress: Progress | None = None
) -> Unlabelled | None:
    """Frames of the speech of ``[data] unlabelled``, not augmented as a waveform; None where there is none.

    Raises:
        CorpusError: no file of it can be read.
    """
    utterances = read_unlabelled(config, root)
    return clean_frames(utterances, config, cache, progress) if utterances else None


def clean_frames(
    utterances: Sequence[Utterance], config: ExperimentConfig, cache: Path, progress: Progress | None = None
) -> Unlabelled:
    """Frames of utterances without augmentation, those left out that cannot be read or are shorter than a frame.

    Raises:
        CorpusError: nothing is left.
    """
    usable, broken = skip_broken(utterances, EXTRACTORS[config.data.features]().frame_length, cache, progress=progress)
    if not usable:
        raise CorpusError(
            f"none of {counted(len(utterances), 'recording')} can be used; the first: {next(iter(broken.values()))}"
        )
    clean = replace(config, waveform=WaveformConfig(copies=0))
    return Unlabelled(build_store(usable, store_settings(clean, None), cache, progress=progress), broken)


def report_broken(broken: dict[Path, str]) -> None:
    """Count what was left out on standard error, and list it."""
    if not broken:
        return
    click.echo(f"edge-ser: {counted(len(broken), 'recording')} without labels left out:", err=True)
    for reason in list(broken.values())[:SHOWN]:
        click.echo(f"  {reason}", err=True)
    if len(broken) > SHOWN:
        click.echo(f"  and {len(broken) - SHOWN} more", err=True)


def make_module(
    net: EmotionNet, config: ExperimentConfig, material: Material, companion: Companion | None = None
) -> ClusterModule:
    """A net with what trains it.

    Raises:
        CorpusError: nobody is left to train or to stop the training by, or there are fewer chunks than clusters.
    """
    store, settings = material.store, config.cluster
    pool = WindowPool(store, material.sides.train, config.data.labels)
    baseline = pool.baseline(EXTRACTORS[config.data.features]().spec.digest)
    labelled, development = (
        Chunks(store, numbers, settings.longest, settings.margin)
        for numbers in (material.sides.train, material.sides.validation)
    )
    if not len(labelled) or not len(development):
        raise CorpusError("no utterance is left to train, or none to stop the training by; change [data]")
    unlabelled = None
    if material.unlabelled is not None:
        everything = np.arange(len(material.unlabelled.utterances))
        unlabelled = Chunks(material.unlabelled, everything, settings.longest, settings.margin)
    groups = (pool.classes, pool.others) if settings.balanced else ([labelled.numbers], [])
    batches = StageBatches(labelled, unlabelled, groups, baseline, config)
    total = len(labelled) + (len(unlabelled) if unlabelled else 0)
    if total < settings.count:
        raise CorpusError(
            f"[cluster] count = {settings.count}, but all there is to cluster is {counted(total, 'chunk')}; add "
            "speech, or lower it"
        )
    return ClusterModule(net, batches, config, Development.of(development, config.data.labels), companion)


def fit_best(
    module: ClusterModule,
    folder: Path,
    callbacks: Sequence[lightning.Callback] = (),
    *,
    resume: bool = False,
) -> int:
    """Train until the development loss has not fallen for ``patience`` epochs, and go back to where it was lowest.

    Args:
        module: what is trained, in place.
        folder: of the checkpoints.
        callbacks: what shows progress, or averages weights.
        resume: go on from the last checkpoint, if there is one.

    Returns:
        The epochs it has been trained for.

    Raises:
        ConfigurationError: it goes on with another configuration than it began with.
        TrainingError: the loss is not a number.
    """
    begin(module.config, folder, resume=resume)
    last = folder / LAST
    best = ModelCheckpoint(folder, "best", monitor="val_loss", mode="min", enable_version_counter=False)
    every = ModelCheckpoint(folder, last.stem, enable_version_counter=False)
    stop = EarlyStopping("val_loss", patience=module.config.optimiser.patience, mode="min")
    epochs = fit_module(module, [best, stop, every, *callbacks], last if resume and last.is_file() else None)
    module.load_state_dict(torch.load(best.best_model_path, weights_only=False)["state_dict"])
    module.eval()
    return epochs


def fit_run(
    config: ExperimentConfig,
    material: Material,
    path: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Run:
    """Train, keep the weights that did best on the validation speakers, calibrate, and save the run.

    Args:
        config: the experiment.
        material: what it is trained on.
        path: folder of the run.
        resume: continue from the last checkpoint in it, if there is one.
        quiet: show no progress.
        command: what was typed, for the record.

    Raises:
        CorpusError: no utterance of the validation speakers has one of the classes.
    """
    lightning.seed_everything(config.optimiser.seed, workers=True, verbose=False)
    store, sides, labels = material.store, material.sides, config.data.labels
    judged = np.array([n for n in sides.validation if store.utterances[n].label in labels], dtype=np.int64)
    if len(judged) == 0:
        raise CorpusError("no utterance of the validation speakers has one of the model's labels; change [data]")
    net = build_net(config)
    module = make_module(net, config, material)
    baseline = module.batches.baseline
    averaging = EMAWeightAveraging(decay=config.optimiser.average)
    callbacks = [averaging, *training_progress(quiet)]
    epochs = fit_best(module, path / "checkpoints", callbacks, resume=resume)
    validation, owner = clean_windows(WindowPool(store, judged, labels), baseline)
    truth = {int(n): labels.index(str(store.utterances[n].label)) for n in judged}
    temperature = calibrate(net, validation, owner, truth)
    net.soften(temperature)
    predicted, expected = utterance_classes(predict_log_probabilities(net, validation), owner, truth)
    run = Run(
        path=path,
        config=config,
        net=net,
        baseline=baseline,
        calibration=calibration_windows(WindowPool(store, sides.train, labels), baseline, config.optimiser.seed),
        validation=validation.numpy(),
        validation_utterance=owner,
        validation_class=np.array([truth[int(n)] for n in owner]),
        record={
            "command": command,
            "seed": config.optimiser.seed,
            "epochs": epochs,
            "validation": {
                "uar": mean_recall(predicted, expected),
                "accuracy": float(np.mean(predicted == expected)),
                "utterances": len(judged),
                "temperature": temperature,
                "ccc": [round(float(value), 4) for value in module.development_ccc()],
            },
            "clusters": {"count": config.cluster.count, "fewest_present": module.fewest},
            "wearer": wearer_entry(simulated_wearers(store, sides.train, baseline, config).settings),
            "corpora": _describe(material, config),
            "versions": versions(),
        },
    )
    save_run(run)
    return run


def _describe(material: Material, config: ExperimentConfig) -> dict[str, object]:
    """The corpora, those without labels among them: their licences bind what learnt from them, too."""
    others = material.unlabelled.utterances if material.unlabelled is not None else ()
    everything = [*material.store.utterances, *others]
    extra = np.arange(len(material.store.utterances), len(everything))
    both = Sides(np.concatenate((material.sides.train, extra)), material.sides.validation)
    return describe_corpora(everything, both, (*config.data.corpora, *config.data.unlabelled))


def train_clusters(
    config: ExperimentConfig, path: Path, root: Path | str | None, cache: Path, *, resume: bool = False
) -> Run:
    """Train an experiment with clusters on all its corpora, with some speakers of each kept for validation.

    Raises:
        ConfigurationError: there is nothing to resume.
    """
    if resume and not (path / "checkpoints" / LAST).is_file():
        raise ConfigurationError(f"{path}: no checkpoint to resume from; train without --resume")
    utterances = read_training_corpora(config, root)
    with Progress() as progress:
        store = open_store(config, utterances, root, cache, progress)
        unlabelled = open_unlabelled(config, root, cache, progress)
    report_broken(unlabelled.broken if unlabelled else {})
    sides = Sides(*split_validation(utterances, config.data.validation_share, config.optimiser.seed))
    material = Material(store, sides, unlabelled.store if unlabelled else None)
    return fit_run(config, material, path, resume=resume, command=" ".join(sys.argv[1:]))
