"""How far a training is, shown while it runs: a bar on a terminal, a line for each epoch where it is logged."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import click
import lightning
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar

REFRESH = 10
"""Batches between two drawings of the bar."""

JUDGED = {"val_uar": "UAR", "val_ccc": "CCC", "val_loss": "loss", "val_accuracy": "accuracy"}
"""What is told of the validation speakers, by the name under which a module logs it."""


def training_progress(quiet: bool = False) -> list[lightning.Callback]:
    """The callback that shows how far a training is.

    Args:
        quiet: show nothing, where a command trains many times and shows how far it is itself.
    """
    if quiet:
        return []
    return [RichProgressBar(refresh_rate=REFRESH)] if sys.stdout.isatty() else [EpochLines()]


def shows_bar(callbacks: Sequence[lightning.Callback]) -> bool:
    """Whether one of the callbacks is a bar, without which Lightning would draw its own."""
    return any(isinstance(callback, ProgressBar) for callback in callbacks)


class EpochLines(lightning.Callback):
    """Says on standard error after each epoch what it brought: the mean loss of its batches, and the validation."""

    def __init__(self) -> None:
        self._losses: list[Any] = []
        self._began = 0.0
        self._line = ""

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._say()
        self._losses, self._began = [], time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the loss of a batch."""
        self._losses.append(outputs["loss"].detach())

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note it, in one of the processes."""
        if not trainer.is_global_zero:
            return
        found = trainer.callback_metrics
        judged = ", ".join(f"{shown} {float(found[name]):.3f}" for name, shown in JUDGED.items() if name in found)
        loss = sum(map(float, self._losses)) / max(len(self._losses), 1)
        self._line = (
            f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: loss {loss:.4f}"
            f"{f'; validation {judged}' if judged else ''}; {time.monotonic() - self._began:.1f} s"
        )

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Say the last one."""
        self._say()

    def _say(self) -> None:
        """Say what was noted. The checkpoint is written by now: whoever reads the line may stop the training."""
        if self._line:
            click.echo(self._line, err=True)
        self._line = ""
