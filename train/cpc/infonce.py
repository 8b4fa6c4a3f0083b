"""InfoNCE (van den Oord, Li and Vinyals 2018): predict the latents to come, told apart from latents that are not.

``L = - sum_m log( exp(p' z_{i+m}) / (exp(p' z_{i+m}) + sum_j exp(p' z_j)) )`` with ``p = h_m(c_i)``, over the N - 1
negatives ``z_j`` (Li et al. 2021). Here it is the mean over the steps m, not their sum, so that its size does not
depend on how far it looks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Contrast(NamedTuple):
    """How a batch was predicted.

    Attributes:
        loss: mean over all anchors and steps, a scalar.
        right: how often the true latent had the highest score, for each step ahead, shape (ahead,).
        counted: of how many predictions, shape (ahead,).
    """

    loss: Tensor
    right: Tensor
    counted: Tensor


class InfoNce(nn.Module):
    """The prediction functions h_k, one linear map for each step ahead, and the loss.

    Args:
        context: numbers in a context.
        width: numbers in a latent.
        ahead: k, how many steps ahead it predicts.
    """

    def __init__(self, context: int, width: int, ahead: int) -> None:
        super().__init__()
        self.predictors = nn.ModuleList(nn.Linear(context, width, bias=False) for _ in range(ahead))

    def forward(self, latents: Tensor, contexts: Tensor, lengths: Tensor, negatives: Tensor) -> Contrast:
        """Score a batch.

        Args:
            latents: z, shape (batch, steps, width).
            contexts: c, shape (batch, steps, context).
            lengths: steps of each utterance that have audio, shape (batch,).
            negatives: from :func:`train.cpc.negatives.draw_negatives`, shape (batch, N - 1). One that happens to be
                the true latent does not count.
        """
        batch, steps, width = latents.shape
        drawn = latents.reshape(-1, width)[negatives].transpose(1, 2)
        place = torch.arange(batch * steps, device=latents.device).reshape(batch, steps)
        losses, right, counts = [], [], []
        for ahead, predictor in enumerate(self.predictors, start=1):
            anchors = max(steps - ahead, 0)
            predicted = predictor(contexts[:, :anchors])
            truth = (predicted * latents[:, ahead:]).sum(dim=2, keepdim=True)
            others = (predicted @ drawn).masked_fill(negatives[:, None] == place[:, ahead:, None], -torch.inf)
            known = torch.arange(anchors, device=latents.device) + ahead < lengths[:, None]
            scores = torch.cat((truth, others), dim=2)
            losses.append((torch.logsumexp(scores, dim=2) - truth[:, :, 0])[known])
            right.append((truth > others).all(dim=2)[known].sum())
            counts.append(known.sum())
        counted = torch.stack(counts)
        means = [loss.sum() / number.clamp(min=1) for loss, number in zip(losses, counted, strict=True)]
        return Contrast(torch.stack(means).mean(), torch.stack(right), counted)

    def __call__(self, latents: Tensor, contexts: Tensor, lengths: Tensor, negatives: Tensor) -> Contrast:
        """Typed access to ``forward``."""
        contrast: Contrast = super().__call__(latents, contexts, lengths, negatives)
        return contrast
