"""Training an encoder of functionals: the batches, an autoencoder's losses step by step, and the loop around them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from train.config import AutoencoderConfig, ExperimentConfig
from train.losses import cluster_loss, cyclic_annealing, divergence_loss, metric_loss, reconstruction_loss
from train.meant import meant
from train.nets.autoencoders import (
    Autoencoder,
    DaeNet,
    DenoisingAutoencoder,
    LatentNet,
    VaeNet,
    VariationalAutoencoder,
)
from train.progress import shows_bar
from train.rows import Rows
from train.whole import whole


class LatentBatch(NamedTuple):
    """Functionals and what is known about them.

    Attributes:
        features: standardised, shape (batch, functionals).
        label: class of each row, shape (batch,); -1 where it has none.
        target: what the metric loss orders, such as arousal, shape (batch,); NaN where it is not known.
        affect: arousal, valence and dominance, shape (batch, 3); NaN where they are not known.
    """

    features: Tensor
    label: Tensor
    target: Tensor
    affect: Tensor


class RowBatches(IterableDataset[LatentBatch]):
    """The batches of one epoch after the other; the draws depend on the seed and the epoch's number alone.

    Args:
        rows: what is drawn from.
        config: sizes, seed, and the dimension that the metric loss orders.
        balanced: draw every class of every corpus equally often, an epoch being ``[optimiser] steps`` batches; else an
            epoch is every row once.
    """

    epoch: int
    """Number of the next epoch to draw."""

    def __init__(self, rows: Rows, config: ExperimentConfig, balanced: bool) -> None:
        self._rows = rows
        self._features = torch.from_numpy(rows.features)
        self._label = torch.from_numpy(rows.label)
        self._target = torch.from_numpy(rows.affect_of(config.autoencoder.metric))
        self._affect = torch.from_numpy(rows.affect)
        self._settings = config.optimiser
        self._other_share = config.loss.other_share
        self._balanced = balanced
        self.epoch = 0

    def __iter__(self) -> Iterator[LatentBatch]:
        settings = self._settings
        rng = np.random.default_rng((settings.seed, self.epoch))
        if self._balanced:
            order = self._rows.draw(settings.steps * settings.batch, self._other_share, rng)
        else:
            order = rng.permutation(len(self._features))
        for numbers in torch.from_numpy(order).split(settings.batch):
            yield LatentBatch(
                self._features[numbers], self._label[numbers], self._target[numbers], self._affect[numbers]
            )


class EpochBatches(Protocol):
    """Batches that depend on the seed and the epoch's number alone."""

    epoch: int

    def __iter__(self) -> Iterator[Any]:
        """The batches of the epoch."""
        ...


class RowModule(lightning.LightningModule):
    """What trains an encoder of functionals, as Lightning wants it.

    Args:
        batches: what it is trained on.
        config: weights and schedule.
    """

    def __init__(self, batches: EpochBatches, config: ExperimentConfig) -> None:
        super().__init__()
        self.batches = batches
        self.config = config

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of the epoch that begins."""
        self.batches.epoch = self.current_epoch
        return DataLoader(cast("IterableDataset[Any]", self.batches), batch_size=None)

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Draw an epoch's noise, too, from the seed and its number alone, so that a resumed run draws the same."""
        if batch_index == 0:
            sequence = np.random.SeedSequence((self.config.optimiser.seed, self.current_epoch))
            torch.manual_seed(int(sequence.generate_state(1)[0]))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam at a constant rate."""
        return torch.optim.Adam(self.parameters(), lr=self.config.optimiser.rate)


class LatentModule(RowModule):
    """One training step of an autoencoder.

    Args:
        autoencoder: an encoder with its decoder.
        batches: what it is trained on.
        config: weights and schedule.
    """

    def __init__(self, autoencoder: Autoencoder, batches: RowBatches, config: ExperimentConfig) -> None:
        super().__init__(batches, config)
        self.autoencoder = autoencoder

    def training_step(self, batch: LatentBatch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        settings = self.config.autoencoder
        coding = self.autoencoder(batch.features)
        loss = reconstruction_loss(coding.clean, coding.reconstruction)
        if coding.log_variance is not None:
            beta = divergence_weight(settings, self.current_epoch + 1, self.config.optimiser.epochs)
            loss = loss + beta * divergence_loss(coding.latent, coding.log_variance)
        if settings.cluster > 0:
            loss = loss + settings.cluster * cluster_loss(coding.latent, batch.label)
        if settings.metric:
            loss = loss + settings.metric_weight * metric_loss(coding.latent, batch.target)
        return loss


def divergence_weight(settings: AutoencoderConfig, epoch: int, epochs: int) -> float:
    """Weight of the divergence in an epoch, counted from 1: 1 throughout, or as it is annealed."""
    return cyclic_annealing(epoch, epochs, settings.cycles, settings.rise) if settings.annealing else 1.0


def make_autoencoder(net: LatentNet, settings: AutoencoderConfig) -> Autoencoder:
    """What trains an encoder."""
    if isinstance(net, DaeNet):
        return DenoisingAutoencoder(net, settings.noise)
    assert isinstance(net, VaeNet)
    return VariationalAutoencoder(net)


def fit_encoder(
    net: LatentNet,
    batches: RowBatches,
    config: ExperimentConfig,
    callbacks: Sequence[lightning.Callback] = (),
    resume_from: Path | None = None,
) -> int:
    """Train an encoder, in place.

    Args:
        net: the encoder; its heads are left as they are.
        batches: what it is trained on.
        config: the experiment.
        callbacks: what keeps checkpoints and shows progress, if anything.
        resume_from: a checkpoint to go on from.

    Returns:
        The epochs it has been trained for.
    """
    module = LatentModule(make_autoencoder(net, config.autoencoder), batches, config)
    epochs = fit_module(module, callbacks, resume_from)
    net.eval()
    return epochs


def fit_module(module: RowModule, callbacks: Sequence[lightning.Callback] = (), resume_from: Path | None = None) -> int:
    """Train for all epochs; arguments and result as of :func:`fit_encoder`."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with meant():
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=module.config.optimiser.epochs,
            enable_model_summary=False,
            callbacks=list(callbacks),
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
            enable_progress_bar=shows_bar(callbacks),
        )
        trainer.fit(module, ckpt_path=whole(resume_from) if resume_from else None, weights_only=False)
    return int(trainer.current_epoch)
