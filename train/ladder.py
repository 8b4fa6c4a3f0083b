"""Training a dense net or a ladder: batches with and without labels, the losses, and what is measured at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import ConfigurationError, CorpusError
from train.config import ExperimentConfig
from train.latent import RowBatches, RowModule, fit_module
from train.losses import prediction_loss
from train.nets.dense import DenseNet
from train.nets.ladder import Ladder
from train.rows import Rows

UNLABELLED = 3
"""With the seed and the epoch, what unlabelled rows are drawn by."""

FEWEST = 2
"""Rows whose moments mean something."""


class LadderBatch(NamedTuple):
    """Functionals with ratings, and functionals without.

    Attributes:
        features: standardised, shape (batch, functionals).
        affect: arousal, valence and dominance of each, shape (batch, 3).
        unlabelled: standardised, the same shape, or (0, functionals).
    """

    features: Tensor
    affect: Tensor
    unlabelled: Tensor


class LadderBatches(IterableDataset[LadderBatch]):
    """Batches of labelled rows, each with as many unlabelled ones, drawn by the seed and the epoch's number alone.

    Args:
        labelled: the labelled batches.
        unlabelled: standardised rows without labels, shape (n, functionals); n may be 0.
        config: seed and sizes.
    """

    def __init__(self, labelled: RowBatches, unlabelled: Floats, config: ExperimentConfig) -> None:
        self._labelled = labelled
        self._unlabelled = torch.from_numpy(unlabelled)
        self._settings = config.optimiser
        self.epoch = 0

    def __iter__(self) -> Iterator[LadderBatch]:
        self._labelled.epoch = self.epoch
        rng = np.random.default_rng((self._settings.seed, self.epoch, UNLABELLED))
        for batch in self._labelled:
            count = len(batch.features) if len(self._unlabelled) else 0
            drawn = torch.from_numpy(rng.integers(max(len(self._unlabelled), 1), size=count))
            yield LadderBatch(batch.features, batch.affect, self._unlabelled[drawn])


class _FastModule(RowModule):
    """Adam in one kernel: with so small nets the optimiser's own work is a tenth of a step."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.config.optimiser.rate, fused=True)


class LadderModule(_FastModule):
    """One training step of the paper's loss.

    ``C_p`` of the labelled rows, from the noisy pass, and ``sum_l lambda_l C_r(l)`` over all rows; labelled and
    unlabelled rows are normalised by their own moments, as they come from different places.

    Args:
        ladder: an encoder with its decoder.
        batches: what it is trained on.
        config: weights and schedule.
    """

    def __init__(self, ladder: Ladder, batches: LadderBatches, config: ExperimentConfig) -> None:
        super().__init__(batches, config)
        self.ladder = ladder
        self._weights = config.ladder.weights

    def training_step(self, batch: LadderBatch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        sides = (batch.features, batch.unlabelled) if len(batch.unlabelled) else (batch.features,)
        embedding, losses = self.ladder(torch.stack(sides))
        weighted = [weight * loss for weight, loss in zip(self._weights, losses, strict=True)]
        return prediction_loss(self.ladder.net.affect(embedding[0]), batch.affect) + torch.stack(weighted).sum()


class DenseModule(_FastModule):
    """One training step of a net that only predicts.

    Args:
        ladder: the net, whose layers have the same noise in training as a ladder's; its decoder takes no part.
        batches: what it is trained on, of which it reads the labelled rows.
        config: schedule.
    """

    def __init__(self, ladder: Ladder, batches: LadderBatches, config: ExperimentConfig) -> None:
        super().__init__(batches, config)
        self.ladder = ladder

    def training_step(self, batch: LadderBatch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        embedding = self.ladder.encode(batch.features, noisy=True).embedding
        return prediction_loss(self.ladder.net.affect(embedding), batch.affect)


class Fitted(NamedTuple):
    """What training leaves.

    Attributes:
        ladder: the encoder with its decoder; that of a dense net has learnt nothing.
        epochs: for which it was trained.
    """

    ladder: Ladder
    epochs: int


def fit_ladder(
    net: DenseNet,
    rows: Rows,
    unlabelled: Floats,
    config: ExperimentConfig,
    callbacks: Sequence[lightning.Callback] = (),
    resume_from: Path | None = None,
) -> Fitted:
    """Train a dense net, a ladder or a decoupled ladder, in place; the head of the classes is left as it is.

    Args:
        net: the encoder with its heads.
        rows: standardised, with labels.
        unlabelled: standardised rows without, shape (n, functionals); with n = 0 a ladder is supervised.
        config: the experiment.
        callbacks: what keeps checkpoints and shows progress, if anything.
        resume_from: a checkpoint to go on from.

    Raises:
        ConfigurationError: there are more or fewer weights than layers, or batches of one row.
        CorpusError: there are too few rows.
    """
    known = rows.select(np.flatnonzero(~np.isnan(rows.affect).any(axis=1)))
    require(net, known, unlabelled, config)
    batches = LadderBatches(RowBatches(known, config, balanced=True), unlabelled, config)
    ladder = Ladder(net, config.ladder.noise)
    module = (LadderModule if net.reconstructs else DenseModule)(ladder, batches, config)
    epochs = fit_module(module, callbacks, resume_from)
    net.measure(torch.from_numpy(evaluation_rows(net, known.features, unlabelled, config)))
    net.eval()
    return Fitted(ladder, epochs)


def evaluation_rows(net: DenseNet, labelled: Floats, unlabelled: Floats, config: ExperimentConfig) -> Floats:
    """The rows whose moments batch normalisation uses in evaluation, as ``[ladder] statistics`` asks."""
    if not net.reconstructs or len(unlabelled) == 0 or config.ladder.statistics == "labelled":
        return labelled
    return unlabelled if config.ladder.statistics == "unlabelled" else np.concatenate((labelled, unlabelled))


def require(net: DenseNet, rows: Rows, unlabelled: Floats, config: ExperimentConfig) -> None:
    """Refuse what cannot be trained.

    Raises:
        ConfigurationError: there are more or fewer weights than layers, or batches of one row.
        CorpusError: there are too few rows.
    """
    layers, weights = len(net.stack) + 1, config.ladder.weights
    if net.reconstructs and len(weights) != layers:
        raise ConfigurationError(
            f"[ladder] weights: {len(weights)} for a net with {counted(layers - 1, 'hidden layer')}; give {layers}: of "
            "the functionals and of each hidden layer"
        )
    if config.optimiser.batch < FEWEST:
        raise ConfigurationError(f"[optimiser] batch = {config.optimiser.batch}: a batch needs {FEWEST} rows or more, "
                                 "for its mean and deviation")  # fmt: skip
    if len(rows.features) < FEWEST:
        raise CorpusError(
            f"{counted(len(rows.features), 'row')} with arousal, valence and dominance, too few to train on"
        )
    if len(unlabelled) == 1:
        raise CorpusError("one row of unlabelled speech has no deviation; give more speech, or none")
