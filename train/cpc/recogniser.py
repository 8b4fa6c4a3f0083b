"""The attention recogniser: what it learns from, its losses, and a finished run of it.

It learns arousal, valence and dominance by ``1 - a CCC_act - b CCC_val - (1 - a - b) CCC_dom`` (Li et al., ICASSP
2021), and four classes from the same embedding by cross-entropy. Encoder and GRU learn along, from what pre-training
gave them or from nothing; or they are frozen; or InfoNCE goes on beside the recogniser (jointCPC).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS
from edge_app.core.labels import LABELS
from edge_app.errors import ConfigurationError, CorpusError, TrainingError
from train.config import ExperimentConfig
from train.cpc.infonce import InfoNce
from train.cpc.judging import Utterances
from train.cpc.negatives import draw_negatives
from train.cpc.record import load_pretrained
from train.dataset import BalancedBatches, Batch, WindowPool
from train.frames import FrameStore
from train.losses import concordance, soft_cross_entropy
from train.meant import meant
from train.nets.cpc import STEP, CpcAttentionNet
from train.progress import shows_bar, training_progress
from train.resumed import LAST, begin
from train.run import build_net
from train.runner import (
    Sides,
    simulated_wearers,
)
from train.whole import whole

STRETCH = 188
"""Frames of the longest stretch that it learns from: three seconds."""

SHORTEST = 64
"""Frames of the shortest."""


class StretchBatches(BalancedBatches):
    """Balanced batches of stretches of one to three seconds, all of a batch as long."""

    def _batch(self, rng: np.random.Generator, generator: torch.Generator) -> Batch:
        frames = STEP * int(rng.integers(SHORTEST // STEP, STRETCH // STEP + 1))
        self.pool.store = replace(self.pool.store, frames_per_window=frames)
        return super()._batch(rng, generator)


class RecogniserModule(lightning.LightningModule):
    """One training step of the recogniser.

    Args:
        net: the net.
        contrast: prediction functions, which learn along where ``[cpc] joint`` is above 0.
        config: weights and schedule.
        validation: utterances of the validation speakers.
    """

    def __init__(
        self, net: CpcAttentionNet, contrast: InfoNce, config: ExperimentConfig, validation: Utterances
    ) -> None:
        super().__init__()
        self.net = net
        self.contrast = contrast
        self.config = config
        self._validation = validation
        self._classes = [LABELS.index(label) for label in config.data.labels]
        if config.cpc.frozen:
            net.encoder.requires_grad_(False)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch.

        Raises:
            TrainingError: it is no number.
        """
        encoding = self.net.encoder(batch.features, self.net.encoder.start(len(batch.features)))
        output = self.net.read(encoding.contexts)
        classes = soft_cross_entropy(
            output.logits, batch.vocabulary[:, self._classes], self.config.loss.label_smoothing
        )
        affect_loss = dimension_loss(output.dimensions, batch.affect, self.config.cpc.arousal, self.config.cpc.valence)
        loss = classes + affect_loss
        if self.config.cpc.joint > 0:
            lengths = torch.full((len(batch.features),), encoding.latents.shape[1])
            negatives = draw_negatives(lengths, int(lengths[0]), self.config.cpc.count, self.config.cpc.negatives)
            contrast = self.contrast(encoding.latents, encoding.contexts, lengths, negatives).loss
            loss = loss + self.config.cpc.joint * contrast
        if not torch.isfinite(loss):
            kept = "the best epoch before it is kept in checkpoints/" if self.current_epoch else "nothing was kept yet"
            raise TrainingError(
                f"epoch {self.current_epoch + 1}, batch {batch_index + 1}: the loss is no number; {kept}; "
                "lower [optimiser] rate"
            )
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch.features))
        return loss

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """UAR and concordance on the validation speakers."""
        found = self._validation.judge(self.net)
        self.log("val_uar", found.uar, prog_bar=True, batch_size=1)
        self.log("val_ccc", float(np.nanmean(found.ccc)), prog_bar=True, batch_size=1)
        self.log("val_score", found.score, batch_size=1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW on a one-cycle schedule."""
        settings = self.config.optimiser
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(learning, lr=settings.rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.rate, total_steps=settings.epochs * settings.steps, pct_start=0.15
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def dimension_loss(prediction: Tensor, target: Tensor, arousal: float, valence: float) -> Tensor:
    """``1 - a CCC_act - b CCC_val - (1 - a - b) CCC_dom``, a scalar in [0, 2].

    Args:
        prediction: arousal, valence and dominance, shape (n, 3).
        target: the same shape.
        arousal: a.
        valence: b.
    """
    weights = prediction.new_tensor([arousal, valence, 1 - arousal - valence])
    return 1 - (weights * concordance(prediction, target)).sum()


class _EpochDraws(lightning.Callback):
    """Batches and dropout depend on the epoch's number alone, so that a resumed run draws what an unbroken one does."""

    def __init__(self, batches: BalancedBatches, seed: int) -> None:
        self._batches = batches
        self._seed = seed

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._batches.epoch = trainer.current_epoch

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 0:
            sequence = np.random.SeedSequence((self._seed, trainer.current_epoch))
            torch.manual_seed(int(sequence.generate_state(1)[0]))


def make_recogniser(config: ExperimentConfig) -> tuple[CpcAttentionNet, InfoNce, dict[str, Any] | None]:
    """The net of an experiment, its prediction functions, and what its encoder heard before, None for nothing.

    Raises:
        ConfigurationError: the net is another one, or its pre-trained encoder does not fit.
    """
    net = build_net(config)
    if not isinstance(net, CpcAttentionNet):
        raise ConfigurationError(f'[model] net = {config.net!r}: only net = "cpc-attention" reads a stream')
    if config.data.unlabelled:
        raise ConfigurationError(
            "[data] unlabelled: is for edge-ser pretrain; name the folder that it wrote in [cpc] pretrained"
        )
    contrast = InfoNce(net.encoder.context, net.encoder.width, config.cpc.ahead)
    if not config.cpc.pretrained:
        return net, contrast, None
    return net, contrast, load_pretrained(Path(config.cpc.pretrained), net.encoder)


def fit_recogniser(
    config: ExperimentConfig,
    store: FrameStore,
    sides: Sides,
    path: Path,
    parts: tuple[CpcAttentionNet, InfoNce],
    *,
    resume: bool = False,
    quiet: bool = False,
) -> tuple[WindowPool, Baseline, Utterances, int]:
    """Train, in place, and keep the weights that did best on the validation speakers.

    Args:
        config: the experiment.
        store: frames of all utterances.
        sides: which of them train and which validate; speakers must be disjoint.
        path: folder of the run, for checkpoints.
        parts: net and prediction functions, from :func:`make_recogniser`.
        resume: continue from the last checkpoint in it.
        quiet: show no progress.

    Returns:
        The training windows, their statistics, the validation utterances, and the epochs.

    Raises:
        CorpusError: no validation speaker has one of the classes.
        ConfigurationError: there is nothing to resume.
        TrainingError: a loss is no number.
    """
    net, contrast = parts
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    digest = EXTRACTORS[config.data.features]().spec.digest
    pool = WindowPool(store, sides.train, config.data.labels)
    baseline = pool.baseline(digest)
    validation = Utterances(store, sides.validation, config.data.labels, baseline)
    if not (validation.truth >= 0).any():
        raise CorpusError("no utterance of the validation speakers has one of the model's labels; change [data]")
    stretches = WindowPool(store, sides.train, config.data.labels)
    wearers = simulated_wearers(store, sides.train, baseline, config) if config.baseline.share > 0 else None
    batches = StretchBatches(stretches, baseline, config, wearers)
    module = RecogniserModule(net, contrast, config, validation)
    settings = config.optimiser
    checkpoints = path / "checkpoints"
    last = checkpoints / LAST
    if resume and not last.is_file():
        raise ConfigurationError(f"{last}: no checkpoint to resume from; train without --resume")
    begin(config, checkpoints, resume=resume)
    best = ModelCheckpoint(checkpoints, "best", monitor="val_score", mode="max", enable_version_counter=False)
    every = ModelCheckpoint(checkpoints, last.stem, enable_version_counter=False)
    shown = training_progress(quiet)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=settings.epochs,
        limit_train_batches=settings.steps,
        logger=False,
        callbacks=[
            best,
            every,
            EMAWeightAveraging(decay=settings.average),
            _EpochDraws(batches, settings.seed),
            *shown,
        ],
        enable_progress_bar=shows_bar(shown),
        enable_model_summary=False,
        num_sanity_val_steps=0,
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
    return pool, baseline, validation, int(trainer.current_epoch)
