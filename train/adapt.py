"""Going on with a ladder at a place, without labels: its reconstruction of the features that were collected there.

The labelled speech of the run is used beside them, as in training (Leem et al., Interspeech 2021): without it, nothing
would hold the prediction where it is. The features of the place take the part that ``[data] unlabelled`` had.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from numpy.typing import NDArray

from edge_app.collected import CollectedFeatures
from edge_app.core.features import EXTRACTORS, make_extractor
from edge_app.core.labels import DIMENSIONS
from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import CollectionError, ConfigurationError
from train.calibration import calibrate
from train.config import ExperimentConfig
from train.dataset import LEAST_SPEECH, affect
from train.functionals import FunctionalTable
from train.ladder import FEWEST, LadderBatches, LadderModule, evaluation_rows, require
from train.latent import RowBatches, fit_module
from train.metrics import concordance, moments
from train.module import predict_log_probabilities, utterance_classes
from train.nets.base import EmotionNet
from train.nets.dense import DenseNet
from train.nets.ladder import Ladder
from train.progress import training_progress
from train.resumed import LAST, PLAN
from train.rows import OUTLIER, Rows
from train.run import Run, build_net, save_run
from train.runner import CALIBRATION_WINDOWS, Sides, versions
from train.tabular import Windows, fit_heads, judged_windows, mean_recall, training_rows

PREFIX = "ladder."
HARM = 0.02
"""A loss of that much UAR, or mean CCC, on the validation speakers is warned of."""

JUDGED = 4096
"""Windows of the place at most that its reconstruction is measured on."""


@dataclass(frozen=True, slots=True)
class AdaptationSettings:
    """How it goes on.

    Attributes:
        epochs: of ``[optimiser] steps`` batches each.
        seed: of everything that is drawn; the speakers on each side stay as the run drew them.
        rate: learning rate, constant.
    """

    epochs: int = 5
    seed: int = 0
    rate: float = 5e-4


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a net does.

    Attributes:
        uar: over the utterances of the validation speakers.
        accuracy: over the same.
        utterances: how many they are.
        ccc: of each dimension over the same, means of their windows against rated or mapped values; NaN where these do
            not vary.
        reconstruction: weighted loss of the ladder on the features of the place.
    """

    uar: float
    accuracy: float
    utterances: int
    ccc: Mapping[str, float]
    reconstruction: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        ccc = {name: None if np.isnan(value) else round(value, 4) for name, value in self.ccc.items()}
        return {"uar": round(self.uar, 4), "ccc": ccc, "reconstruction": round(self.reconstruction, 4)}


@dataclass(frozen=True, slots=True)
class Adapted:
    """What adaptation leaves.

    Attributes:
        run: the new run.
        before: the net as it was.
        after: the net as it is.
    """

    run: Run
    before: Judgement
    after: Judgement


def harm(before: Judgement, after: Judgement) -> str | None:
    """What became worse on the validation speakers, None where nothing did by ``HARM``."""
    changes = {"UAR": after.uar - before.uar, "mean CCC": _mean_ccc(after) - _mean_ccc(before)}
    worse = [f"{-change:.3f} {name}" for name, change in changes.items() if change <= -HARM]
    return f"on the validation speakers it lost {' and '.join(worse)}" if worse else None


def check_run(run: Run) -> None:
    """Refuse a run that cannot go on without labels.

    Raises:
        ConfigurationError: it reconstructs nothing, or its last checkpoint is gone.
        FeatureMismatch: it was trained on features that this version does not compute.
    """
    if not run.net.reconstructs:
        raise ConfigurationError(
            f"{run.path}: net {run.config.net!r} reconstructs nothing, so it learns nothing without labels; give a run "
            "of a ladder or dln"
        )
    if not (run.path / "checkpoints" / LAST).is_file():
        raise ConfigurationError(f"{run.path}: its checkpoint, which holds the decoder, is gone; train it again")
    kind = run.config.data.features
    make_extractor(kind, dict(EXTRACTORS[kind]().spec.parameters), run.baseline.digest)


def place_rows(run: Run, files: Mapping[Path, CollectedFeatures]) -> Floats:
    """All windows of the files, standardised by the run's baseline, outliers cut to the limit.

    Raises:
        CollectionError: there are none or hardly any, or they are of other features than the run's.
    """
    digest, size = run.baseline.digest, len(run.baseline.mean)
    for path, found in files.items():
        if found.origin.digest != digest or found.values.shape[1] != size:
            raise CollectionError(
                f"{path}: features of digest {found.origin.digest[:12]} ({found.values.shape[1]} numbers), the run "
                f"reads {digest[:12]} ({size}); collect again with the bundle of this run as --model"
            )
    values = np.concatenate([found.values for found in files.values()])
    if len(values) < FEWEST:
        names = ", ".join(map(str, files))
        raise CollectionError(f"{names}: {counted(len(values), 'window')}, {FEWEST} are the least; collect more speech")
    return np.clip(run.baseline.standardise(values), -OUTLIER, OUTLIER)


def adapt(
    run: Run,
    files: Mapping[Path, CollectedFeatures],
    table: FunctionalTable,
    sides: Sides,
    path: Path,
    name: str,
    settings: AdaptationSettings,
    *,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Adapted:
    """Go on with a run on features of a place, and save it as another run.

    Args:
        run: a finished run of a ladder.
        files: what was collected.
        table: functionals of the labelled speech of the run.
        sides: which of it trained and which validates, as the run had it.
        path: folder of the new run.
        name: what the new run and its bundle are called.
        settings: how it goes on.
        resume: continue from the last checkpoint in the folder, if there is one.
        quiet: show no progress.
        command: what was typed, for the record.

    Raises:
        ConfigurationError: the run reconstructs nothing, its speech is not what it was, or what is to be resumed was
            another adaptation.
        CollectionError: the features are none, or others than the run's.
        FeatureMismatch: this version does not compute the run's features.
    """
    check_run(run)
    others = place_rows(run, files)
    config = replace(run.config, name=name)
    schedule = replace(run.config.optimiser, epochs=settings.epochs, seed=settings.seed, rate=settings.rate)
    going_on = replace(config, optimiser=schedule)
    lightning.seed_everything(settings.seed, workers=True, verbose=False)
    rows, baseline, _ = training_rows(table, sides.train, run.config)
    if not (np.allclose(baseline.mean, run.baseline.mean) and np.allclose(baseline.deviation, run.baseline.deviation)):
        raise ConfigurationError(f"{run.path}: its labelled speech is not what it was trained on; train it again")
    origins = [_describe(found) for found in files.values()]
    _keep_plan(path, {"run": run.config.name, **asdict(settings), "with": origins}, resume)
    validation = judged_windows(table, sides.validation, config.data.labels, run.baseline, LEAST_SPEECH)
    net = cast("DenseNet", build_net(config))
    ladder = Ladder(net, config.ladder.noise)
    ladder.load_state_dict(_trained(run.path / "checkpoints" / LAST))
    before = _judge(run.net, ladder, validation, table, others, config)
    known = rows.select(np.flatnonzero(~np.isnan(rows.affect).any(axis=1)))
    require(net, known, others, going_on)
    last = path / "checkpoints" / LAST
    keep = ModelCheckpoint(last.parent, last.stem, enable_version_counter=False)
    module = LadderModule(ladder, LadderBatches(RowBatches(known, going_on, balanced=True), others, going_on), going_on)
    fit_module(module, [keep, *training_progress(quiet)], last if resume and last.is_file() else None)
    net.measure(torch.from_numpy(evaluation_rows(net, known.features, others, config)))
    net.eval()
    fit_heads(net, rows, config)
    net.eval()
    temperature = calibrate(net, torch.from_numpy(validation.features), validation.owner, validation.truth)
    net.soften(temperature)
    after = _judge(net, ladder, validation, table, others, config)
    entry = {
        "run": run.config.name,
        **asdict(settings),
        "with": origins,
        "labelled_windows": len(known.features),
        "statistics": config.ladder.statistics,
        "before": before.as_dict(),
        "after": after.as_dict(),
        "harm": harm(before, after),
    }
    adapted = Run(
        path=path,
        config=config,
        net=net,
        baseline=run.baseline,
        calibration=_calibration(rows, settings.seed),
        validation=validation.features,
        validation_utterance=validation.owner,
        validation_class=np.array([validation.truth[int(n)] for n in validation.owner]),
        record={
            **run.record,
            "command": command,
            "epochs": int(run.record["epochs"]) + settings.epochs,
            "validation": {
                "uar": after.uar,
                "accuracy": after.accuracy,
                "utterances": after.utterances,
                "temperature": temperature,
            },
            "versions": versions(),
            "adapted": [*run.record.get("adapted", []), entry],
        },
    )
    save_run(adapted)
    return Adapted(adapted, before, after)


def _trained(path: Path) -> dict[str, torch.Tensor]:
    """Weights of encoder and decoder as training left them."""
    try:
        state = torch.load(path, weights_only=True)["state_dict"]
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError):
        raise ConfigurationError(f"{path}: a damaged checkpoint; train the run again") from None
    return {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}


def _judge(
    net: EmotionNet, ladder: Ladder, validation: Windows, table: FunctionalTable, others: Floats,
    config: ExperimentConfig,
) -> Judgement:  # fmt: skip
    features = torch.from_numpy(validation.features)
    predicted, expected = utterance_classes(
        predict_log_probabilities(net, features), validation.owner, validation.truth
    )
    with torch.no_grad():
        windows = net(features).dimensions.numpy()
        torch.manual_seed(0)  # the same noise before and after
        losses = ladder.reconstruction_losses(torch.from_numpy(others[:JUDGED]))
    numbers = sorted(validation.truth)
    reference = np.array([affect(table.utterances[number]) for number in numbers], dtype=np.float64)
    return Judgement(
        uar=mean_recall(predicted, expected),
        accuracy=float(np.mean(predicted == expected)),
        utterances=len(expected),
        ccc=utterance_concordance(windows, validation.owner, numbers, reference),
        reconstruction=float(sum(w * loss.item() for w, loss in zip(config.ladder.weights, losses, strict=True))),
    )


def utterance_concordance(
    windows: Floats, owner: NDArray[np.int64], numbers: Sequence[int], reference: NDArray[np.float64]
) -> dict[str, float]:
    """CCC of each dimension, an utterance counting as the mean of its windows.

    Args:
        windows: dimensions of each window, shape (n, 3).
        owner: the utterance of each, shape (n,).
        numbers: the utterances.
        reference: their values, shape (utterances, 3).
    """
    means = np.array([windows[owner == number].mean(axis=0, dtype=np.float64) for number in numbers])
    return dict(zip(DIMENSIONS, map(float, concordance(moments(reference, means).T)), strict=True))


def _mean_ccc(judgement: Judgement) -> float:
    values = [value for value in judgement.ccc.values() if not np.isnan(value)]
    return float(np.mean(values)) if values else 0.0


def _calibration(rows: Rows, seed: int) -> Floats:
    count = len(rows.features)
    chosen = np.random.default_rng(seed).choice(count, min(CALIBRATION_WINDOWS, count), replace=False)
    return rows.features[np.sort(chosen)]


def _describe(found: CollectedFeatures) -> dict[str, Any]:
    """What a card says of collected features: no more than it needs."""
    origin, known = found.origin, found.snr[~np.isnan(found.snr)]
    return {
        "place": origin.place,
        "began": origin.began,
        "ended": origin.ended,
        "speech_seconds": origin.speech_seconds,
        "windows": len(found.values),
        "snr_db": round(float(np.median(known)), 1) if len(known) else None,
        "source": origin.source,
        "rate": origin.rate,
        "digest": origin.digest,
    }


def _keep_plan(path: Path, plan: dict[str, Any], resume: bool) -> None:
    """Note what is being done, so that only the same is resumed."""
    kept = path / PLAN
    text = json.dumps(plan, indent=1, ensure_ascii=False) + "\n"
    if resume and kept.is_file() and kept.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{path}: another adaptation was begun here; choose another --output")
    path.mkdir(parents=True, exist_ok=True)
    kept.write_text(text, encoding="utf-8")
