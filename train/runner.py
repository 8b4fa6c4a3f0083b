"""From an experiment to a finished run."""

from __future__ import annotations

import hashlib
import logging
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from rich.progress import Progress
from torch.utils.data import DataLoader, TensorDataset

import edge_app
from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS, LogMelEgemaps
from edge_app.core.types import Floats
from edge_app.errors import ConfigurationError, CorpusError
from train.calibration import calibrate
from train.config import ExperimentConfig
from train.corpora import Utterance, find_corpus, read_corpus
from train.data import data_root
from train.dataset import BalancedBatches, WindowPool, augmented_windows, clean_windows
from train.frames import FrameStore, build_store
from train.joint import build_joint
from train.material import CutWindows, Material
from train.meant import meant
from train.module import ChunkModule, predict_log_probabilities, utterance_classes
from train.noise import find_noise
from train.noise_shift import fit_noise_shift
from train.progress import shows_bar, training_progress
from train.protocols import split_validation
from train.resumed import LAST, begin
from train.run import Run, build_net, save_run
from train.simulation import SimulatedWearers, spoken_means, wearer_entry
from train.store import StoreSettings
from train.whole import whole

CALIBRATION_WINDOWS = 512
NOISE_FOLDER = "noise"


@dataclass(frozen=True, slots=True)
class Sides:
    """Numbers of the utterances of a store that train and that validate."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def read_training_corpora(config: ExperimentConfig, root: Path | str | None) -> list[Utterance]:
    """All labelled utterances of the experiment's corpora.

    Raises:
        ConfigurationError: no corpus is named.
        CorpusError: a corpus is missing, or a class in all of them.
    """
    if not config.data.corpora:
        raise ConfigurationError("[data] corpora is empty; name at least one")
    utterances = [u for name in config.data.corpora for u in read_corpus(name, root) if u.label is not None]
    missing = set(config.data.labels) - {utterance.label for utterance in utterances}
    if missing:
        raise CorpusError(f"no utterance of {', '.join(config.data.corpora)} is labelled {', '.join(sorted(missing))}")
    return utterances


def open_store(
    config: ExperimentConfig,
    utterances: Sequence[Utterance],
    root: Path | str | None,
    cache: Path,
    progress: Progress | None = None,
) -> FrameStore:
    """Frames of the utterances, with the augmentation that the experiment asks for."""
    build = build_joint if config.data.features == LogMelEgemaps.kind else build_store
    return build(utterances, store_settings(config, root), cache, progress=progress)


def store_settings(config: ExperimentConfig, root: Path | str | None) -> StoreSettings:
    """What the experiment's features and augmentation are.

    Raises:
        CorpusError: noise is asked for and there is none, or none that matches the pattern.
    """
    noise = None
    if config.waveform.noise_probability > 0 and config.waveform.copies > 0:
        noise = data_root(root) / NOISE_FOLDER
        if not noise.is_dir():
            raise CorpusError(f"{noise}: no noise recordings; add them or set [waveform] noise_probability = 0.0")
        find_noise(noise, config.waveform.noise_pattern)
    talkers = None if noise is None or not config.waveform.babble else noise.parent
    return StoreSettings(config.data.features, config.waveform, noise, config.optimiser.seed, talkers=talkers)


def fit(
    config: ExperimentConfig,
    store: FrameStore,
    sides: Sides,
    path: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Run:
    """Train, keep the weights that did best on the validation speakers, calibrate, and save the run.

    Args:
        config: the experiment.
        store: frames of all utterances.
        sides: which of them train and which validate; speakers must be disjoint.
        path: folder of the run.
        resume: continue from the last checkpoint in it.
        quiet: show no progress (cross-validation shows its own).
        command: what was typed, for the record.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(config.optimiser.seed, workers=True, verbose=False)
    digest = EXTRACTORS[config.data.features]().spec.digest
    pool = WindowPool(store, sides.train, config.data.labels)
    baseline = pool.baseline(digest)
    judged = np.array([n for n in sides.validation if store.utterances[n].label in config.data.labels], dtype=np.int64)
    if len(judged) == 0:
        raise CorpusError("no utterance of the validation speakers has one of the model's labels; change [data]")
    judged_pool = WindowPool(store, judged, config.data.labels)
    validation, owner = clean_windows(judged_pool, baseline)
    truth = {int(n): config.data.labels.index(str(store.utterances[n].label)) for n in judged}

    versions_judged = judge_versions(judged_pool, baseline, config.versions.judged, (validation, owner, truth))

    net = build_net(config)
    module = ChunkModule(net, config, versions_judged)
    wearers = simulated_wearers(store, sides.train, baseline, config)
    batches = BalancedBatches(pool, baseline, config, wearers if config.baseline.share > 0 else None)
    shown = training_progress(quiet)
    checkpoints = path / "checkpoints"
    last = checkpoints / LAST
    if resume and not last.is_file():
        raise ConfigurationError(f"{last}: no checkpoint to resume from; train without --resume")
    begin(config, checkpoints, resume=resume)
    best = ModelCheckpoint(checkpoints, "best", monitor="val_uar", mode="max", enable_version_counter=False)
    every = ModelCheckpoint(checkpoints, last.stem, enable_version_counter=False)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=config.optimiser.epochs,
        limit_train_batches=config.optimiser.steps,
        logger=TensorBoardLogger(path, name="", version="tensorboard"),
        callbacks=[
            best,
            every,
            EMAWeightAveraging(decay=config.optimiser.average),
            EarlyStopping("val_uar", patience=config.optimiser.patience, mode="max"),
            _EpochNumber(batches),
            *shown,
        ],
        enable_progress_bar=shows_bar(shown),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, config.optimiser.steps),
        gradient_clip_val=5.0,
    )
    with meant():
        trainer.fit(
            module,
            DataLoader(batches, batch_size=None),
            DataLoader(TensorDataset(torch.zeros(1))),
            ckpt_path=whole(last) if resume else None,
            weights_only=False,
        )
    module.load_state_dict(torch.load(best.best_model_path, weights_only=False)["state_dict"])
    net.eval()
    noise: dict[str, object] = {}
    if config.versions.shift > 0:
        noise = fit_noise_shift(net, config, pool, judged_pool, truth, baseline)
    temperature = calibrate(net, validation, owner, truth)
    net.soften(temperature)
    scores = predict_log_probabilities(net, validation)
    predicted, expected = utterance_classes(scores, owner, truth)
    run = Run(
        path=path,
        config=config,
        net=net,
        baseline=baseline,
        calibration=calibration_windows(pool, baseline, config.optimiser.seed),
        validation=validation.numpy(),
        validation_utterance=owner,
        validation_class=np.array([truth[int(n)] for n in owner]),
        record={
            "command": command,
            "seed": config.optimiser.seed,
            "epochs": trainer.current_epoch,
            "validation": {
                "uar": float(best.best_model_score or 0.0),
                "accuracy": float(np.mean(predicted == expected)),
                "utterances": len(judged),
                "temperature": temperature,
                **noise,
            },
            "wearer": wearer_entry(wearers.settings),
            "corpora": describe_corpora(store.utterances, sides, config.data.corpora),
            "versions": versions(),
        },
    )
    save_run(run)
    return run


def simulated_wearers(
    material: Material, numbers: NDArray[np.int64], baseline: Baseline, config: ExperimentConfig
) -> SimulatedWearers:
    """What the baseline stage can have heard of the training speakers, from frames or from functionals."""
    windows = CutWindows(material, EXTRACTORS[config.data.features]())
    means = spoken_means(material.utterances, windows, baseline)
    return SimulatedWearers(means, numbers, baseline, config.baseline)


def versions() -> dict[str, str]:
    """What a run was made with."""
    return {
        "edge-ser": edge_app.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


class _EpochNumber(lightning.Callback):
    """Tells the batches which epoch it is, so that a resumed run draws what an unbroken one would have."""

    def __init__(self, batches: BalancedBatches) -> None:
        self._batches = batches

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._batches.epoch = trainer.current_epoch


def judge_versions(
    pool: WindowPool,
    baseline: Baseline,
    count: int,
    clean: tuple[torch.Tensor, NDArray[np.int64], dict[int, int]],
) -> tuple[torch.Tensor, NDArray[np.int64], dict[int, int]]:
    """The clean windows of validation utterances, and those of augmented versions, as utterances of their own.

    Args:
        pool: windows of the utterances.
        baseline: standardises.
        count: versions, the clean one included.
        clean: standardised clean windows, the utterance of each, and the class of each utterance.

    Returns:
        The same of all versions; an utterance's number grows by that of the store's utterances with each version.

    Raises:
        ConfigurationError: there are not so many versions.
    """
    if count > (there := pool.store.frames.shape[0]):
        raise ConfigurationError(f"[versions] judged = {count}, but [waveform] copies make {there} with the clean one")
    windows, owners = [clean[0]], [clean[1]]
    truth = dict(clean[2])
    for version in range(1, count):
        features, owner = augmented_windows(pool, baseline, version)
        offset = version * len(pool.store.utterances)
        windows.append(features)
        owners.append(owner + offset)
        truth |= {number + offset: label for number, label in clean[2].items()}
    return torch.cat(windows), np.concatenate(owners), truth


def describe_corpora(utterances: Sequence[Utterance], sides: Sides, corpora: Sequence[str]) -> dict[str, object]:
    """For each of the corpora (names or manifests) licence, counts, validation speakers and a hash over its files."""
    described: dict[str, object] = {}
    known = {corpus.name: corpus for corpus in map(find_corpus, corpora)}
    validating = set(sides.validation.tolist())
    used = validating | set(sides.train.tolist())
    for name in sorted({utterances[n].corpus for n in used}):
        numbers = [n for n in sorted(used) if utterances[n].corpus == name]
        digest = hashlib.sha256()
        for number in numbers:
            utterance = utterances[number]
            digest.update(f"{utterance.path.name} {utterance.label}\n".encode())
            digest.update(utterance.path.read_bytes())
        corpus = known[name]
        described[name] = {
            "licence": corpus.licence,
            "shippable": corpus.shippable,
            "utterances": len(numbers),
            "speakers": len({utterances[n].speaker for n in numbers}),
            "validation_speakers": sorted({utterances[n].speaker for n in numbers if n in validating}),
            "sha256": digest.hexdigest(),
        }
    return described


def calibration_windows(pool: WindowPool, baseline: Baseline, seed: int) -> Floats:
    """Some clean windows of the pool; all of them at once would take gigabytes."""
    count = min(CALIBRATION_WINDOWS, len(pool.last))
    chosen = np.random.default_rng(seed).choice(len(pool.last), count, replace=False)
    return baseline.standardise(pool.store.clean(pool.last[np.sort(chosen)]))


def train(
    config: ExperimentConfig,
    path: Path,
    root: Path | str | None,
    cache: Path,
    *,
    resume: bool = False,
) -> Run:
    """Train an experiment on all its corpora, with some speakers of each kept for validation."""
    utterances = read_training_corpora(config, root)
    with Progress() as progress:
        store = open_store(config, utterances, root, cache, progress)
    training, validation = split_validation(utterances, config.data.validation_share, config.optimiser.seed)
    command = " ".join(sys.argv[1:])
    return fit(config, store, Sides(training, validation), path, resume=resume, command=command)
