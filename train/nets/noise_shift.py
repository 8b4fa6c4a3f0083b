"""What noise does to the classes, taken back as far as a net hears noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NoiseShift(nn.Module):
    """What to add to the logits: a constant for each class, times how likely the window holds noise.

    Beside noise a net falls back on a class or two, for speakers who did not train. A constant for each class mends
    much of that, but speech in clean air needs none. Whether there is noise is told from the embedding, by logistic
    regression. Both are fitted when training is over (:mod:`train.noise_shift`); until then nothing is added.

    Args:
        size: of the embedding.
        classes: classes of the head.
    """

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, size), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.shift = nn.Parameter(torch.zeros(1, classes), requires_grad=False)

    def heard(self, embedding: Tensor) -> Tensor:
        """The probability that a window holds noise, shape (batch, 1), from embeddings, shape (batch, size)."""
        return torch.sigmoid(F.linear(embedding, self.weight, self.bias))

    def forward(self, embedding: Tensor) -> Tensor:
        """What to add to the logits, shape (batch, classes)."""
        return self.heard(embedding) * self.shift
