"""A finished training run: a folder that export can turn into a bundle.

config.json      the experiment, resolved
weights.pt       the net's weights (plain tensors)
baseline.npz     statistics of the training features
calibration.npz  standardised training windows, for quantisation, and validation windows with their classes
run.json         seed, data hashes, speakers on each side, validation figures, versions, command
checkpoints/     what ``--resume`` continues from
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats
from edge_app.core.windows import WindowSpec
from edge_app.errors import ConfigurationError
from train.config import ExperimentConfig, parse_config
from train.nets import make_net
from train.nets.base import EmotionNet
from train.whole import whole


@dataclass(frozen=True, slots=True)
class Run:
    """What a run folder holds.

    Attributes:
        path: the folder.
        config: the experiment.
        net: with its trained weights, in evaluation mode.
        baseline: statistics of the training features.
        calibration: standardised features of training windows, shape (n, frames, dimension) or (n, functionals).
        validation: standardised windows of the validation speakers, the same shape.
        validation_utterance: the utterance that each belongs to, shape (n,).
        validation_class: the class of each of them, shape (n,).
        record: contents of ``run.json``.
    """

    path: Path
    config: ExperimentConfig
    net: EmotionNet
    baseline: Baseline
    calibration: Floats
    validation: Floats
    validation_utterance: NDArray[np.int64]
    validation_class: NDArray[np.int64]
    record: dict[str, Any]


def feature_shape(kind: str) -> tuple[int, ...]:
    """Shape of the features of one window: (frames, dimension), or (functionals,)."""
    extractor = EXTRACTORS[kind]()
    frames = (WindowSpec().length - extractor.frame_length) // extractor.frame_hop + 1
    return extractor.summarise(np.zeros((frames, extractor.dimension), dtype=np.float32), frames).shape


def build_net(config: ExperimentConfig) -> EmotionNet:
    """The net of an experiment, with fresh weights.

    Raises:
        ConfigurationError: there is no such net, it reads other features, or it cannot learn without labels.
    """
    shape = feature_shape(config.data.features)
    net = make_net(config.net, shape, len(config.data.labels), **config.net_parameters)
    if config.cluster.count and net.reads != "frames":
        reads = "a stream" if net.reads == "stream" else net.reads
        raise ConfigurationError(f"[cluster] count: net {config.net!r} reads {reads}; only frames are clustered")
    if config.data.unlabelled and not (net.reconstructs or net.contrasts or config.cluster.count):
        if net.reads == "frames":
            raise ConfigurationError(
                f"[data] unlabelled: net {config.net!r} learns from it by clusters alone, and [cluster] count is 0; "
                "give 2 or more, or leave unlabelled empty"
            )
        raise ConfigurationError(f"[data] unlabelled: net {config.net!r} learns from labels alone; leave it empty")
    if config.versions.shift and not net.hears_noise:
        raise ConfigurationError(f"[versions] shift: net {config.net!r} does not hear noise; choose 'joint', or set 0")
    if config.versions.shift and not config.waveform.copies:
        raise ConfigurationError(
            "[versions] shift is learnt from augmented versions; raise [waveform] copies, or set 0"
        )
    return net


def save_run(run: Run) -> None:
    """Write a run folder. ``run.json`` comes last: a folder without it is not finished."""
    run.path.mkdir(parents=True, exist_ok=True)
    (run.path / "config.json").write_text(json.dumps(run.config.as_dict(), indent=1) + "\n", encoding="utf-8")
    torch.save(run.net.state_dict(), run.path / "weights.pt")
    np.savez(
        run.path / "baseline.npz",
        digest=run.baseline.digest,
        count=run.baseline.count,
        mean=run.baseline.mean,
        deviation=run.baseline.deviation,
    )
    # Frames are many, and half precision is enough for them; functionals are few, and some are too large for it.
    kind = np.float16 if run.net.reads == "frames" else np.float32
    np.savez(
        run.path / "calibration.npz",
        training=run.calibration.astype(kind),
        validation=run.validation.astype(kind),
        utterance=run.validation_utterance,
        label=run.validation_class,
    )
    partial = run.path / "run.json.part"
    partial.write_text(json.dumps(run.record, indent=1) + "\n", encoding="utf-8")
    partial.rename(run.path / "run.json")


def load_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        ConfigurationError: it is not a finished run.
    """
    if not (path / "run.json").is_file():
        if (path / "pretrain.json").is_file():
            hint = f'it holds a pre-trained encoder; train a recogniser with [cpc] pretrained = "{path}"'
        elif (path / "checkpoints").is_dir():
            hint = "continue it with edge-ser train --resume"
        else:
            hint = "give the folder edge-ser train wrote"
        raise ConfigurationError(f"{path}: no finished training run here; {hint}")
    config = parse_config(json.loads((path / "config.json").read_text(encoding="utf-8")), str(path / "config.json"))
    stored = np.load(path / "baseline.npz")
    baseline = Baseline(str(stored["digest"]), int(stored["count"]), stored["mean"], stored["deviation"])
    calibration = np.load(path / "calibration.npz")
    net = build_net(config)
    try:
        net.load_state_dict(torch.load(whole(path / "weights.pt", "train it again"), weights_only=True))
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{path}: its weights do not fit the net of today ({reason}); train it again"
        ) from None
    net.eval()
    return Run(
        path=path,
        config=config,
        net=net,
        baseline=baseline,
        calibration=calibration["training"].astype(np.float32),
        validation=calibration["validation"].astype(np.float32),
        validation_utterance=calibration["utterance"],
        validation_class=calibration["label"],
        record=json.loads((path / "run.json").read_text(encoding="utf-8")),
    )
