"""A small convolutional net on one-second log-mel chunks.

Bands are channels and convolutions run over time. The net sees each chunk in two views: with the chunk's own level
removed, since the level of a recording says more about microphone and distance than about emotion; and with every
band's mean over the chunk removed, which takes away microphone, room and much of the voice's own timbre and leaves
how the spectrum moves. Mean and deviation over time are what the heads read (statistics pooling, Snyder et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.nets.base import EmotionNet, NetOutput

CLIP = 5.0
"""Features beyond five deviations are clipped: clicks and digital silence say nothing about emotion."""


class ChunkCnn(EmotionNet):
    """See the module.

    Args:
        shape: (frames, mel bands).
        classes: classes of the head.
        width: channels of every convolution.
        dropout: share of the embedding dropped in training.
    """

    def __init__(self, shape: tuple[int, int], classes: int, width: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *_convolution(2 * shape[1], width, 1),
            *_convolution(width, width, 5, stride=2),
            nn.Dropout(0.1),
            *_convolution(width, width, 5),
        )
        self.embedding_size = 2 * width
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(self.embedding_size, classes)
        self.affect = nn.Linear(self.embedding_size, 3)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised features, shape (batch, frames, dimension), to classes and dimensions."""
        embedding = two_views(self.trunk, features.clamp(-CLIP, CLIP))
        read = self.dropout(embedding)
        return NetOutput(self.emotion(read), torch.tanh(self.affect(read)), embedding)


def two_views(trunk: nn.Module, bands: Tensor) -> Tensor:
    """Mean and deviation over time of what convolutions find in both views of a chunk.

    Args:
        trunk: takes shape (batch, 2 * bands, frames), gives (batch, width, frames of its own).
        bands: standardised and clipped, shape (batch, frames, bands).

    Returns:
        Shape (batch, 2 * width).
    """
    level = bands - bands.mean(dim=(1, 2), keepdim=True)
    movement = bands - bands.mean(dim=1, keepdim=True)
    sequence = trunk(torch.cat((level, movement), dim=2).transpose(1, 2))
    mean = sequence.mean(dim=2)
    deviation = torch.sqrt(((sequence - mean.unsqueeze(2)) ** 2).mean(dim=2) + 1e-5)
    return torch.cat((mean, deviation), dim=1)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv1d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    return [convolution, nn.BatchNorm1d(outputs), nn.ReLU()]
