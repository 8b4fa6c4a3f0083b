"""What noise does to the classes, fitted when training is over: how noise sounds to a net, and what it asks for.

How noise sounds is learnt from the training speakers, of whom there are most; what it does to the classes from the
validation speakers, for it is those who did not train whom a net mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge_app.core.baseline import Baseline
from train.calibration import class_shift
from train.config import ExperimentConfig
from train.dataset import WindowPool, augmented_windows, clean_windows, windows_of
from train.heads import fit_logistic
from train.module import EVALUATION_BATCH, predict_log_probabilities
from train.nets.base import EmotionNet

WINDOWS = 4096
"""Windows of training speakers, clean ones and as many augmented ones, that tell how noise sounds."""

STRENGTH = 0.1
"""C of the logistic regression."""


def fit_noise_shift(
    net: EmotionNet,
    config: ExperimentConfig,
    training: WindowPool,
    judged: WindowPool,
    truth: Mapping[int, int],
    baseline: Baseline,
) -> dict[str, Any]:
    """Let a net hear noise, and take back what noise does to the classes.

    Args:
        net: trained, in evaluation mode; one that hears noise.
        config: classes, share of the constant for each that counts, and seed.
        training: windows of the speakers who trained.
        judged: windows of the validation speakers.
        truth: class of each utterance of these.
        baseline: standardises.

    Returns:
        ``shift``, by class, and ``noise_heard``, the mean probability of noise in clean and augmented windows of the
        validation speakers.
    """
    part, versions = net.noise_shift, training.store.frames.shape[0]
    hear_noise(net, training, baseline, config.optimiser.seed)
    scores, owners, heard = [], [], []
    for version in range(1, versions):
        features, owner = augmented_windows(judged, baseline, version)
        scores.append(predict_log_probabilities(net, features))
        owners.append(owner + version * len(judged.store.utterances))
        heard.append(part.heard(embed(net, features)).mean())
    groups = [utterance.corpus for utterance in judged.store.utterances]
    every = {number + version * len(groups): label for version in range(1, versions) for number, label in truth.items()}
    found = config.versions.shift * class_shift(torch.cat(scores), np.concatenate(owners), every, groups * versions)
    part.shift.data.copy_(found)
    clean = part.heard(embed(net, clean_windows(judged, baseline)[0])).mean()
    return {
        "shift": dict(zip(config.data.labels, found.tolist(), strict=True)),
        "noise_heard": {"clean": float(clean), "augmented": float(torch.stack(heard).mean())},
    }


def hear_noise(net: EmotionNet, training: WindowPool, baseline: Baseline, seed: int) -> None:
    """Fit how likely a window is of an augmented version, by logistic regression on a net's standardised embedding."""
    rng = np.random.default_rng(seed)
    copies = training.store.frames.shape[0] - 1
    embedded = []
    for version in range(copies + 1):
        count = min(WINDOWS // copies if version else WINDOWS, len(training.last))
        last = training.last[rng.choice(len(training.last), count, replace=False)]
        embedded.append(embed(net, windows_of(training, baseline, last, version)))
    rows = torch.cat(embedded)
    noisy = np.repeat([0, 1], [len(embedded[0]), len(rows) - len(embedded[0])])
    mean, deviation = rows.mean(dim=0), rows.std(dim=0) + 1e-3
    weight = 1.0 / np.bincount(noisy)[noisy]
    layer = fit_logistic(((rows - mean) / deviation).numpy(), noisy, weight / weight.mean(), 2, STRENGTH)
    part = net.noise_shift
    with torch.no_grad():
        part.weight.copy_((layer.weight[1] - layer.weight[0]) / deviation)
        part.bias.copy_(layer.bias[1] - layer.bias[0] - part.weight @ mean)


@torch.no_grad()
def embed(net: EmotionNet, features: Tensor) -> Tensor:
    """Embeddings of windows, shape (n, size)."""
    return torch.cat([net(part).embedding for part in features.split(EVALUATION_BATCH)])
