"""One training step, one validation, as Lightning wants them."""

from __future__ import annotations

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from sklearn.metrics import recall_score
from torch import Tensor, nn
from torch.nn import functional as F

from edge_app.core.labels import LABELS
from train.config import ExperimentConfig
from train.dataset import Batch
from train.losses import concordance_loss, soft_cross_entropy
from train.nets.base import EmotionNet

EVALUATION_BATCH = 512


class ChunkModule(lightning.LightningModule):
    """Trains a chunk net on classes, mapped or rated dimensions, and the whole vocabulary.

    Args:
        net: from ``NETS``.
        config: weights and schedule.
        validation: standardised windows, shape (n, frames, dimension), the utterance of each, shape (n,), and the
            class of each utterance that occurs, by number.
    """

    def __init__(
        self,
        net: EmotionNet,
        config: ExperimentConfig,
        validation: tuple[Tensor, NDArray[np.int64], dict[int, int]] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.vocabulary = nn.Linear(net.embedding_size, len(LABELS))
        self.config = config
        self._validation = validation
        self._classes = [LABELS.index(label) for label in config.data.labels]

    def forward(self, features: Tensor) -> Tensor:
        """Logits of the classes."""
        return self.net(features).logits

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        weights = self.config.loss
        output = self.net(batch.features)
        classes = soft_cross_entropy(output.logits, batch.vocabulary[:, self._classes], weights.label_smoothing)
        vocabulary = soft_cross_entropy(
            self.vocabulary(F.dropout(output.embedding, 0.3, self.training)), batch.vocabulary
        )
        affect = concordance_loss(output.dimensions, batch.affect)
        loss = classes + weights.vocabulary * vocabulary + weights.dimensions * affect
        self.log_dict(
            {"loss": loss, "loss/classes": classes, "loss/vocabulary": vocabulary, "loss/dimensions": affect},
            prog_bar=False,
            batch_size=len(batch.features),
        )
        self.log("train_loss", loss, prog_bar=True, logger=False, batch_size=len(batch.features))
        return loss

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """UAR over the utterances of the validation speakers."""
        assert self._validation is not None
        features, owner, truth = self._validation
        scores = predict_log_probabilities(self.net, features)
        predicted, expected = utterance_classes(scores, owner, truth)
        uar = recall_score(expected, predicted, average="macro", zero_division=0.0)
        self.log("val_uar", float(uar), prog_bar=True, batch_size=1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW on a one-cycle schedule."""
        settings = self.config.optimiser
        optimiser = torch.optim.AdamW(self.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.rate, total_steps=settings.epochs * settings.steps, pct_start=0.15
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@torch.no_grad()
def predict_log_probabilities(net: EmotionNet, features: Tensor) -> Tensor:
    """Log-probabilities of windows, shape (n, classes), in evaluation mode."""
    training = net.training
    net.eval()
    scores = [F.log_softmax(net(part).logits, dim=1) for part in features.split(EVALUATION_BATCH)]
    net.train(training)
    return torch.cat(scores)


def utterance_classes(
    scores: Tensor, owner: NDArray[np.int64], truth: dict[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Predicted class of each utterance (mean log-probability of its windows) and its true one, both shape (n,)."""
    numbers = np.array(sorted(truth))
    total = np.zeros((int(owner.max()) + 1, scores.shape[1]))
    np.add.at(total, owner, scores.numpy())
    return total[numbers].argmax(axis=1), np.array([truth[number] for number in numbers])
