"""Both stages of training, as Lightning wants them.

At the start of every epoch the chunks that it will see, labelled or not, are clustered by K-means of their embeddings,
and the clusters are their pseudo-labels for that epoch. Stage I: chunks without labels learn their clusters. Stage II:
chunks with labels learn emotion and clusters together, ``L = L_emotion + lambda L_cluster``. Clusters of two epochs
have nothing to do with each other, so the layer that tells them begins anew each time (Caron et al., ECCV 2018).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from edge_app.core.labels import LABELS
from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import TrainingError
from train.config import ExperimentConfig
from train.dataset import affect
from train.deepcluster.baselines import Companion
from train.deepcluster.chunks import Chunks, ClusterBatch, StageBatches
from train.deepcluster.clusters import Clusters, fit_clusters
from train.latent import RowModule
from train.losses import concordance, concordance_loss, soft_cross_entropy
from train.nets.base import EmotionNet, NetOutput
from train.nets.vgg import VggNet

GRADIENT = 5.0
VOCABULARY_DROPOUT = 0.3


class SentenceAnswers(NamedTuple):
    """What a net answers to utterances: the mean over their chunks.

    Attributes:
        scores: mean log-probability of the classes, shape (utterances, classes).
        dimensions: shape (utterances, dimensions).
    """

    scores: Tensor
    dimensions: Tensor


class Development(NamedTuple):
    """Whom training is stopped by.

    Attributes:
        chunks: of the development speakers.
        classes: class of each utterance, shape (m,); -1 where it has none of the classes.
        affect: arousal, valence and dominance of each utterance, shape (m, 3).
    """

    chunks: Chunks
    classes: Tensor
    affect: Tensor

    @classmethod
    def of(cls, chunks: Chunks, labels: tuple[str, ...]) -> Development:
        """What is known about the utterances of chunks, all with a label or ratings."""
        utterances = [chunks.store.utterances[number] for number in chunks.numbers]
        classes = [labels.index(u.label) if u.label in labels else -1 for u in utterances]
        return cls(chunks, torch.tensor(classes), torch.tensor([affect(u) for u in utterances], dtype=torch.float32))


class ClusterModule(RowModule):
    """Trains a net of frames with pseudo-labels, or, with 0 clusters, without.

    Args:
        net: any net of frames.
        batches: what it is trained on.
        config: weights and schedule.
        development: whom it is stopped by.
        companion: what a baseline of the paper trains besides; None for nothing.

    Attributes:
        clusters: those of the current epoch; None before the first, and without clusters.
        fewest: the least number of clusters that were not empty, over the epochs; None without clusters.
    """

    batches: StageBatches

    def __init__(
        self,
        net: EmotionNet,
        batches: StageBatches,
        config: ExperimentConfig,
        development: Development,
        companion: Companion | None = None,
    ) -> None:
        super().__init__(batches, config)
        self.net = net
        self.companion = companion
        self.pseudo = nn.Linear(net.embedding_size, max(config.cluster.count, 1))
        self.vocabulary = nn.Linear(net.embedding_size, len(LABELS))
        self.clusters: Clusters | None = None
        self.fewest: int | None = None
        self._development = development
        self._classes = [LABELS.index(label) for label in config.data.labels]

    def answer(self, features: Tensor) -> tuple[NetOutput, Tensor]:
        """What the net answers, and the loss of the companion, 0 where there is none."""
        if self.companion is None:
            return self.net(features), torch.zeros(())
        assert isinstance(self.net, VggNet)
        return self.companion(self.net, features)

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of the epoch that begins, after its chunks were clustered."""
        loader = super().train_dataloader()  # tells the batches which epoch it is
        if self.config.cluster.count:
            self.recluster()
        return loader

    def recluster(self) -> None:
        """Cluster the chunks of the epoch by what the net makes of them now; the layer that tells them begins anew."""
        settings = self.config.cluster
        seed = np.random.SeedSequence((self.config.optimiser.seed, self.current_epoch)).generate_state(1)[0]
        embedding = np.concatenate([self.embed(part) for part in self.batches.clean()])
        if broken := int((~np.isfinite(embedding)).any(axis=1).sum()):
            raise TrainingError(
                f"epoch {self.current_epoch + 1}: embeddings of {counted(broken, 'chunk')} "
                "are not numbers; lower [optimiser] rate, or look for recordings that are no speech"
            )
        self.clusters = fit_clusters(embedding, settings.count, settings.components, int(seed))
        self.fewest = min(self.clusters.present, self.fewest or settings.count)
        self.batches.relabel(self.clusters)
        with torch.random.fork_rng():
            torch.manual_seed(int(seed))
            self.pseudo.reset_parameters()
        for optimiser in self.trainer.optimizers if self._trainer is not None else ():
            for parameter in self.pseudo.parameters():
                optimiser.state.pop(parameter, None)

    @torch.no_grad()
    def embed(self, features: Tensor) -> Floats:
        """Embeddings in evaluation mode, shape (n, size)."""
        training = self.training
        self.eval()
        embedding: Floats = self.answer(features)[0].embedding.numpy()
        self.train(training)
        return embedding

    def training_step(self, batch: ClusterBatch, batch_index: int) -> Tensor:
        """Loss of one batch of either stage.

        Raises:
            TrainingError: it is not a number; the checkpoint of the last epoch stays.
        """
        weights, settings = self.config.loss, self.config.cluster
        output, loss = self.answer(batch.features)
        if settings.count:
            clusters = soft_cross_entropy(self.pseudo(output.embedding), batch.pseudo)
            loss = loss + (settings.weight if batch.labelled else 1.0) * clusters
        if batch.labelled:
            loss = loss + weights.dimensions * concordance_loss(output.dimensions, batch.affect)
            if settings.classes:
                classes = batch.vocabulary[:, self._classes]
                loss = loss + settings.classes * soft_cross_entropy(output.logits, classes, weights.label_smoothing)
            if weights.vocabulary:
                dropped = F.dropout(output.embedding, VOCABULARY_DROPOUT, self.training)
                loss = loss + weights.vocabulary * soft_cross_entropy(self.vocabulary(dropped), batch.vocabulary)
        if not torch.isfinite(loss):
            broken = int((~torch.isfinite(batch.features)).flatten(1).any(1).sum())
            kept = "what the epoch before left is kept" if self.current_epoch else "nothing was kept yet"
            raise TrainingError(
                f"epoch {self.current_epoch + 1}, batch {batch_index + 1} (stage {'II' if batch.labelled else 'I'}): "
                f"the loss is {float(loss.detach())}; chunks with what is no number: {broken} of "
                f"{len(batch.features)}; {kept}; lower [optimiser] rate and train again"
            )
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch.features))
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Keep the length of the gradient within bounds."""
        self.clip_gradients(optimizer, GRADIENT, "norm")

    def val_dataloader(self) -> DataLoader[Any]:
        """One empty batch: validation knows its chunks."""
        return DataLoader(TensorDataset(torch.zeros(1)))

    def validation_step(self, batch: Tensor, batch_index: int) -> None:
        """Loss over the utterances of the development speakers."""
        if self.trainer.sanity_checking:
            return
        self.log("val_loss", self.development_loss(), prog_bar=True, batch_size=1)

    def development_loss(self) -> float:
        """Emotion's part of the joint loss over whole utterances: mean 1 - CCC, and cross-entropy of the classes."""
        answers = self.answers(self._development.chunks)
        loss = self.config.loss.dimensions * concordance_loss(answers.dimensions, self._development.affect)
        classed = self._development.classes >= 0
        if self.config.cluster.classes and classed.any():
            loss = loss + self.config.cluster.classes * F.nll_loss(
                answers.scores[classed], self._development.classes[classed]
            )
        return float(loss)

    def development_ccc(self) -> NDArray[np.float64]:
        """CCC of each dimension over the utterances of the development speakers."""
        answers = self.answers(self._development.chunks)
        return concordance(answers.dimensions, self._development.affect).double().numpy()

    @torch.no_grad()
    def answers(self, chunks: Chunks) -> SentenceAnswers:
        """What the net answers to utterances, in evaluation mode."""
        training = self.training
        self.eval()
        outputs = [self.answer(part)[0] for part in chunks.clean(self.batches.baseline)]
        self.train(training)
        scores = torch.cat([F.log_softmax(output.logits, dim=1) for output in outputs])
        dimensions = torch.cat([output.dimensions for output in outputs])
        return SentenceAnswers(
            *(part.reshape(-1, chunks.count, part.shape[1]).mean(1) for part in (scores, dimensions))
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW on a one-cycle schedule."""
        settings = self.config.optimiser
        optimiser = torch.optim.AdamW(self.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.rate, total_steps=settings.epochs * self.batches.steps, pct_start=0.15
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
