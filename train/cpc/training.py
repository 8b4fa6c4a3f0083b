"""From an experiment with a net of a stream to a finished run."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats
from train.calibration import calibrate
from train.config import ExperimentConfig
from train.cpc.recogniser import STRETCH, fit_recogniser, make_recogniser
from train.dataset import WindowPool
from train.frames import FrameStore
from train.protocols import split_validation
from train.run import Run, save_run
from train.runner import (
    Sides,
    describe_corpora,
    open_store,
    read_training_corpora,
    simulated_wearers,
    versions,
)
from train.simulation import wearer_entry

CALIBRATION_STRETCHES = 256


def train_stream(
    config: ExperimentConfig, path: Path, root: Path | str | None, cache: Path, *, resume: bool = False
) -> Run:
    """Train an experiment on all its corpora, with some speakers of each kept for validation, and save the run."""
    torch.set_num_threads(1)  # a second thread waits for the first at every step of the recurrence
    lightning.seed_everything(config.optimiser.seed, workers=True, verbose=False)
    net, contrast, heard = make_recogniser(config)
    utterances = read_training_corpora(config, root)
    with Progress() as progress:
        store = open_store(config, utterances, root, cache, progress)
    sides = Sides(*split_validation(utterances, config.data.validation_share, config.optimiser.seed))
    pool, baseline, validation, epochs = fit_recogniser(config, store, sides, path, (net, contrast), resume=resume)
    chosen, owner = _stretches(store, validation.numbers[validation.truth >= 0], config, baseline)
    truth = dict(zip(validation.numbers.tolist(), validation.truth.tolist(), strict=True))
    temperature = calibrate(net, torch.from_numpy(chosen), owner, truth)
    net.soften(temperature)
    found = validation.judge(net)
    rng = np.random.default_rng(config.optimiser.seed)
    training = np.unique(pool.owner)
    some = np.sort(rng.choice(training, min(CALIBRATION_STRETCHES, len(training)), replace=False))
    known = found.truth >= 0
    run = Run(
        path=path,
        config=config,
        net=net,
        baseline=baseline,
        calibration=_stretches(store, some, config, baseline)[0],
        validation=chosen,
        validation_utterance=owner,
        validation_class=np.array([truth[int(number)] for number in owner]),
        record={
            "command": " ".join(sys.argv[1:]),
            "seed": config.optimiser.seed,
            "epochs": epochs,
            "validation": {
                "uar": found.uar,
                "accuracy": float(np.mean(found.logits[known].argmax(axis=1) == found.truth[known])),
                "utterances": int(known.sum()),
                "temperature": temperature,
                "ccc": [round(value, 4) for value in found.ccc],
            },
            "wearer": wearer_entry(simulated_wearers(store, sides.train, baseline, config).settings),
            "corpora": {**describe_corpora(utterances, sides, config.data.corpora), **_heard(heard)},
            **({"pretrained": _pretraining(heard)} if heard else {}),
            "versions": versions(),
        },
    )
    save_run(run)
    return run


def _stretches(
    store: FrameStore, numbers: NDArray[np.int64], config: ExperimentConfig, baseline: Baseline
) -> tuple[Floats, NDArray[np.int64]]:
    """The last three seconds with speech of utterances, standardised, and the utterance that each belongs to."""
    pool = WindowPool(replace(store, frames_per_window=STRETCH), numbers, config.data.labels)
    kept = numbers[pool.count[numbers] > 0]
    last = pool.last[pool.first[kept] + pool.count[kept] - 1]
    return baseline.standardise(pool.store.clean(last)), kept


def _heard(record: dict[str, Any] | None) -> dict[str, object]:
    return {} if record is None else dict(record["corpora"])


def _pretraining(record: dict[str, Any]) -> dict[str, Any]:
    """What a bundle tells of how its encoder was pre-trained."""
    kept = {key: record[key] for key in ("command", "seed", "epochs", "hours", "chance")}
    return {**kept, "accuracy": record["accuracy"][-1]}
