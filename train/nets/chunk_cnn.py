"""A small convolutional net on one-second log-mel chunks.

Four strided convolutions see the chunk as an image, a depthwise convolution over what remains of the frequency axis
turns it into a sequence, and mean and deviation over time are what the heads read (statistics pooling, Snyder et al.
2018).
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
        frames: frames in a window.
        dimension: mel bands; a multiple of 16.
        classes: classes of the head.
        width: channels of the four convolutions.
        dropout: share of the embedding dropped in training.
        level: ``keep`` reads features as they are; ``remove`` subtracts each window's mean, since the level of a
            recording says more about microphone and distance than about emotion.
    """

    def __init__(
        self,
        frames: int,
        dimension: int,
        classes: int,
        width: tuple[int, int, int, int] = (16, 32, 48, 64),
        dropout: float = 0.3,
        level: str = "remove",
    ) -> None:
        super().__init__()
        if level not in ("keep", "remove"):
            raise TypeError(f"level is {level!r}; it must be 'keep' or 'remove'")
        self.level = level
        first, second, third, fourth = width
        self.trunk = nn.Sequential(
            _convolution(1, first, 5, 2),
            _convolution(first, second, 3, 2),
            nn.Dropout2d(0.05),
            _convolution(second, third, 3, (1, 2)),
            nn.Dropout2d(0.05),
            _convolution(third, fourth, 3, (1, 2)),
        )
        self.collapse = nn.Sequential(
            nn.Conv2d(fourth, fourth, (1, dimension // 16), groups=fourth, bias=False),
            nn.BatchNorm2d(fourth),
            nn.ReLU(),
        )
        self.embedding_size = 2 * fourth
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(self.embedding_size, classes)
        self.affect = nn.Linear(self.embedding_size, 3)

    def soften(self, temperature: float) -> None:
        """Divide the logits by a temperature, once and for all."""
        with torch.no_grad():
            self.emotion.weight.div_(temperature)
            self.emotion.bias.div_(temperature)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised features, shape (batch, frames, dimension), to classes and dimensions."""
        if self.level == "remove":
            features = features - features.mean(dim=(1, 2), keepdim=True)
        image = features.clamp(-CLIP, CLIP).unsqueeze(1)
        sequence = self.collapse(self.trunk(image)).squeeze(3)
        mean = sequence.mean(dim=2)
        deviation = torch.sqrt(((sequence - mean.unsqueeze(2)) ** 2).mean(dim=2) + 1e-5)
        embedding = torch.cat((mean, deviation), dim=1)
        read = self.dropout(embedding)
        return NetOutput(self.emotion(read), torch.tanh(self.affect(read)), embedding)


def _convolution(inputs: int, outputs: int, size: int, stride: int | tuple[int, int]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
