"""Pre-training: an encoder learns from speech without labels, and what it heard and learnt is kept in a folder.

config.json      the experiment, resolved
encoder.pt       weights of f, g and the prediction functions (plain tensors)
baseline.npz     statistics of the features it heard
pretrain.json    what it heard, validation accuracy by epoch and steps ahead, throughput, versions, command
broken.txt       recordings that could not be read, with the reason, where there were any
checkpoints/     what ``--resume`` continues from, and the experiment that began it
"""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from edge_app.core.baseline import Baseline
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import ConfigurationError, CorpusError, TrainingError
from train.config import ExperimentConfig
from train.cpc.batches import SpeechBatch, SpeechBatches, make_batch, measure_baseline
from train.cpc.infonce import Contrast, InfoNce
from train.cpc.negatives import draw_negatives
from train.cpc.record import describe_heard
from train.cpc.speech import FrameReader, Heard, Source, SpeechStream, open_source
from train.meant import meant
from train.nets.cpc import STEP, CpcAttentionNet, CpcEncoder
from train.progress import shows_bar, training_progress
from train.resumed import LAST
from train.run import build_net
from train.runner import versions
from train.whole import whole

VALIDATION = 96
"""Held-out stretches that every epoch is judged on."""

LOOKED_AT = 400
"""Held-out recordings that are tried for them at most."""

LARGEST_GRADIENT = 5.0


@dataclass(frozen=True, slots=True)
class Machines:
    """Where pre-training runs.

    Attributes:
        accelerator: as Lightning calls it.
        devices: processes on each machine.
        nodes: machines.
    """

    accelerator: str = "cpu"
    devices: int = 1
    nodes: int = 1

    @property
    def world(self) -> int:
        """Processes in all."""
        return self.devices * self.nodes


class PretrainModule(lightning.LightningModule):
    """One step of contrastive predictive coding.

    Args:
        encoder: f and g.
        config: the experiment.
        batches: what is heard.
        validation: held-out stretches.
        last_good: where the last checkpoint is kept.

    Attributes:
        accuracy: validation accuracy of each epoch, by steps ahead.
        seconds: audio in the stretches that this process trained on.
        spent: seconds that training on it took, reading it included and validation not.
    """

    def __init__(
        self,
        encoder: CpcEncoder,
        config: ExperimentConfig,
        batches: SpeechBatches,
        validation: SpeechBatch,
        last_good: Path,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.contrast = InfoNce(encoder.context, encoder.width, config.cpc.ahead)
        self.config = config
        self.accuracy: list[list[float]] = []
        self.seconds = 0.0
        self.spent = 0.0
        self._batches = batches
        self._validation = validation
        self._last_good = last_good
        self._began = 0.0
        self._hop = EXTRACTORS[config.data.features]().frame_hop / SAMPLE_RATE

    def score(self, batch: SpeechBatch, generator: torch.Generator) -> Contrast:
        """Predict a batch, with negatives that the generator draws."""
        settings = self.config.cpc
        encoding = self.encoder(batch.features, self.encoder.start(len(batch.features)))
        steps = encoding.latents.shape[1]
        negatives = draw_negatives(batch.lengths.cpu(), steps, settings.count, settings.negatives, generator)
        device = encoding.latents.device
        return self.contrast(encoding.latents, encoding.contexts, batch.lengths.to(device), negatives.to(device))

    def training_step(self, batch: SpeechBatch, batch_index: int) -> Tensor:
        """Loss of one batch.

        Raises:
            TrainingError: it is no number.
        """
        seed = np.random.SeedSequence((self.config.optimiser.seed, self.global_step, self.global_rank))
        found = self.score(batch, torch.Generator().manual_seed(int(seed.generate_state(1)[0])))
        if not torch.isfinite(found.loss):
            raise TrainingError(self._no_number("loss", batch, batch_index))
        self._newest = batch, batch_index
        self.seconds += float(batch.lengths.sum()) * STEP * self._hop
        self.log("loss", found.loss, prog_bar=True, batch_size=len(batch.paths))
        return found.loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let no gradient that is no number reach the weights."""
        gradients = [parameter.grad for parameter in self.parameters() if parameter.grad is not None]
        if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
            raise TrainingError(self._no_number("gradient", *self._newest))

    def on_train_epoch_start(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_train_epoch_end(self) -> None:
        """Say how fast it was."""
        self._stop_clock()
        self.log("hours_per_hour", self.throughput, prog_bar=True)

    def on_validation_epoch_start(self) -> None:
        """Stop the clock: judging is not training."""
        self._stop_clock()

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """Share of held-out steps whose true future scores highest, by steps ahead."""
        judged = self.transfer_batch_to_device(self._validation, self.device, 0)
        found = self.score(judged, torch.Generator().manual_seed(0))
        share = (found.right / found.counted.clamp(min=1)).tolist()
        self.accuracy.append([round(value, 4) for value in share])
        self.log("val_loss", found.loss, prog_bar=True, batch_size=1)
        self.log_dict({f"val_accuracy/{ahead}": value for ahead, value in enumerate(share, start=1)}, batch_size=1)
        self.log("val_accuracy", float(np.mean(share)), prog_bar=True, batch_size=1)

    @property
    def throughput(self) -> float:
        """Hours of audio in an hour, over all processes."""
        return self.seconds * self.trainer.world_size / self.spent if self.spent else 0.0

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW on a one-cycle schedule."""
        settings = self.config.optimiser
        optimiser = torch.optim.AdamW(self.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.rate, total_steps=settings.epochs * settings.steps, pct_start=0.15
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep where in the speech it is, and what was measured."""
        checkpoint["cpc"] = {
            "position": self._batches.position,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "spent": self.spent,
            "heard": self._batches.heard,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from there."""
        kept = checkpoint["cpc"]
        self._batches.position = kept["position"]
        self.accuracy, self.seconds, self.spent = kept["accuracy"], kept["seconds"], kept["spent"]
        self._batches.heard.add(kept["heard"])

    def _stop_clock(self) -> None:
        if self._began:
            self.spent += time.perf_counter() - self._began
            self._began = 0.0

    def _no_number(self, what: str, batch: SpeechBatch, number: int) -> str:
        names = ", ".join(sorted({path.name for path in batch.paths})[:3])
        kept = f"{self._last_good} is the last good checkpoint" if self._last_good.is_file() else "nothing was kept yet"
        return (
            f"epoch {self.current_epoch + 1}, batch {number + 1} ({names}, ...): the {what} is no number; {kept}; "
            "lower [optimiser] rate, or leave those recordings out"
        )


def pretrain(
    config: ExperimentConfig,
    path: Path,
    root: Path | str | None = None,
    *,
    machines: Machines | None = None,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
    reader: FrameReader | None = None,
    sources: Mapping[str, Source] | None = None,
) -> CpcEncoder:
    """Pre-train the encoder of an experiment's net on its unlabelled speech, and write the folder.

    Args:
        config: the experiment; ``[data] unlabelled`` names what is heard.
        path: the folder.
        root: folder of the corpora.
        machines: where it runs; None for one process on a CPU.
        resume: continue from the last checkpoint in the folder.
        quiet: show no progress, and keep no curves for TensorBoard.
        command: what was typed, for the record.
        reader: frames that are in memory from before, None for none.
        sources: what is heard, by name; None for what the experiment names.

    Raises:
        ConfigurationError: the net does not predict, or nothing unlabelled is named.
        CorpusError: nothing can be heard.
        TrainingError: a loss is no number.
    """
    checked_net(config)
    machines = machines or Machines()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(config.optimiser.seed, workers=True, verbose=False)
    net = checked_net(config)  # drawn anew, from the seed
    sources = sources or {name: open_source(name, root) for name in config.data.unlabelled}
    extractor = EXTRACTORS[config.data.features]()
    reader = reader or FrameReader(extractor, least=STEP * (config.cpc.ahead + 1))
    frames = round(config.cpc.seconds * SAMPLE_RATE / extractor.frame_hop)
    seed, held_out = config.optimiser.seed, config.cpc.held_out
    baseline = measure_baseline(SpeechStream(sources, held_out, seed=seed), reader, extractor)
    validation = _validation(SpeechStream(sources, held_out, "validation", seed), reader, baseline, frames)
    last = path / "checkpoints" / LAST
    settings = config.optimiser
    keep = ModelCheckpoint(last.parent, last.stem, enable_version_counter=False)
    shown = training_progress(quiet)
    trainer = lightning.Trainer(
        accelerator=machines.accelerator,
        devices=machines.devices,
        num_nodes=machines.nodes,
        strategy="ddp" if machines.world > 1 else "auto",
        max_epochs=settings.epochs,
        limit_train_batches=settings.steps,
        logger=False if quiet else TensorBoardLogger(path, name="", version="tensorboard"),
        callbacks=[keep, *shown],
        enable_progress_bar=shows_bar(shown),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, settings.steps),
        gradient_clip_val=LARGEST_GRADIENT,
        use_distributed_sampler=False,
    )
    stream = SpeechStream(sources, held_out, seed=seed, rank=trainer.global_rank, world=trainer.world_size)
    batches = SpeechBatches(stream, reader, baseline, frames, config.optimiser.batch, seed)
    module = PretrainModule(net.encoder, config, batches, validation, last)
    with meant():
        trainer.fit(
            module,
            DataLoader(batches, batch_size=None),
            DataLoader(TensorDataset(torch.zeros(1))),
            ckpt_path=whole(last) if resume and last.is_file() else None,
            weights_only=False,
        )
    net.encoder.eval()
    heard = _of_all_processes(reader.heard, trainer.world_size)
    if trainer.is_global_zero:
        record = {
            "command": command,
            "seed": seed,
            "epochs": trainer.current_epoch,
            "accuracy": module.accuracy,
            "chance": round(1 / (config.cpc.count + 1), 4),
            "validation": len(validation.paths),
            "hours": round(module.seconds * trainer.world_size / 3600, 3),
            "hours_per_hour": round(module.throughput, 1),
            "processes": trainer.world_size,
            "recordings": len(heard.recordings),
            "broken": len(heard.broken),
            "short": len(heard.short),
            "corpora": describe_heard(config.data.unlabelled, root, heard),
            "versions": versions(),
        }
        save_pretrained(path, config, module, baseline, record, heard)
    return net.encoder


def _of_all_processes(heard: Heard, world: int) -> Heard:
    """What all processes heard together."""
    if world == 1:
        return heard
    parts: list[Heard | None] = [None] * world
    torch.distributed.all_gather_object(parts, heard)
    together = Heard()
    for part in parts:
        if part is not None:
            together.add(part)
    return together


def checked_net(config: ExperimentConfig) -> CpcAttentionNet:
    """The net of an experiment that can be pre-trained.

    Raises:
        ConfigurationError: it cannot.
    """
    net = build_net(config)
    if not isinstance(net, CpcAttentionNet):
        raise ConfigurationError(f'[model] net = {config.net!r}: pre-training is for net = "cpc-attention"')
    if not config.data.unlabelled:
        raise ConfigurationError("[data] unlabelled: names nothing to hear; give corpora, manifests or folders")
    return net


def read_record(path: Path) -> dict[str, Any]:
    """The contents of ``pretrain.json`` of a finished folder."""
    record: dict[str, Any] = json.loads((path / "pretrain.json").read_text(encoding="utf-8"))
    return record


def machines_rank() -> int:
    """Number of this process among those that Lightning starts."""
    return int(rank_zero_only.rank)  # type: ignore[attr-defined]


def _validation(stream: SpeechStream, reader: FrameReader, baseline: Baseline, frames: int) -> SpeechBatch:
    """The same held-out stretches in every process and epoch.

    Raises:
        CorpusError: nothing is held out that can be heard.
    """
    recordings = []
    for utterance in itertools.islice(stream.once(), LOOKED_AT):
        found = reader.read(utterance)
        if found is not None:
            recordings.append((utterance.path, found))
        if len(recordings) == VALIDATION:
            break
    if not recordings:
        raise CorpusError("no unlabelled recording is held out for validation; raise [cpc] held_out, or add recordings")
    return make_batch(recordings, baseline, frames, np.random.default_rng(0))


def save_pretrained(
    path: Path,
    config: ExperimentConfig,
    module: PretrainModule,
    baseline: Baseline,
    record: dict[str, Any],
    heard: Heard,
) -> None:
    """Write the folder. ``pretrain.json`` comes last: a folder without it is not finished."""
    (path / "config.json").write_text(json.dumps(config.as_dict(), indent=1) + "\n", encoding="utf-8")
    parts: dict[str, nn.Module] = {"encoder": module.encoder, "contrast": module.contrast}
    torch.save({name: part.state_dict() for name, part in parts.items()}, path / "encoder.pt")
    np.savez(
        path / "baseline.npz", digest=baseline.digest, count=baseline.count, mean=baseline.mean,
        deviation=baseline.deviation,
    )  # fmt: skip
    if heard.broken:
        lines = [f"{broken}\n" for broken in sorted(heard.broken.values())]
        (path / "broken.txt").write_text("".join(lines), encoding="utf-8")
    partial = path / "pretrain.json.part"
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.rename(path / "pretrain.json")
