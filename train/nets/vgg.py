"""VGG (Simonyan and Zisserman, ICLR 2015) on one-second log-mel chunks, the trunk of DeepEmoCluster.

Stages of 3 x 3 convolutions end with maximum pooling by 2; fully connected layers lead to the embedding, which heads
and K-means read. The paper's is VGG-16. The width-reduced ones keep its 13 convolutions, with fewer channels, and look
at the mean of ``shrink`` x ``shrink`` bins of the spectrum, since the first stage is by far the dearest. Every
convolution is followed by batch normalisation, which on the device is part of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_app.core.labels import DIMENSIONS
from edge_app.errors import ConfigurationError
from train.nets.base import EmotionNet, NetOutput
from train.nets.chunk_cnn import CLIP

REDUCED = ((8, 2), (16, 2), (32, 3), (64, 3), (64, 3))


class VggNet(EmotionNet):
    """See the module.

    Args:
        shape: (frames, mel bands).
        classes: classes of the head.
        stages: channels and number of convolutions of each stage.
        hidden: units of each fully connected layer; the last is the embedding.
        shrink: bins, along time and along frequency, whose mean is one pixel.
        dropout: share of each fully connected layer's units dropped in training.

    Attributes:
        picture: shape of what the convolutions read, (1, frames, bands).
        maps: shape of what each stage gives, (channels, frames, bands).

    Raises:
        ConfigurationError: there is no stage, no hidden layer, or one without channels or units.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        stages: Sequence[Sequence[int]] = REDUCED,
        hidden: Sequence[int] = (64,),
        shrink: int = 2,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if not stages or any(len(stage) != 2 or min(stage) < 1 for stage in stages):
            raise ConfigurationError(f"[model] stages = {stages}: give [channels, convolutions] of one or more stages")
        if not hidden or min(hidden) < 1:
            raise ConfigurationError(f"[model] hidden = {list(hidden)}: give the units of one layer or more")
        if not 1 <= shrink <= min(shape):
            raise ConfigurationError(f"[model] shrink = {shrink}: choose between 1 and {min(shape)}")
        self.shrink = shrink
        frames, bands = (length // shrink for length in shape)
        self.picture = (1, frames, bands)
        self.maps: list[tuple[int, int, int]] = []
        trunk: list[nn.Module] = []
        inputs = 1
        for channels, convolutions in stages:
            for _ in range(convolutions):
                trunk += [_convolution(inputs, channels), nn.BatchNorm2d(channels), nn.ReLU()]
                inputs = channels
            trunk.append(nn.MaxPool2d(2, ceil_mode=True))
            frames, bands = -(-frames // 2), -(-bands // 2)
            self.maps.append((channels, frames, bands))
        self.trunk = nn.Sequential(*trunk)
        layers: list[nn.Module] = []
        size = inputs * frames * bands
        for units in hidden:
            layers += [nn.Dropout(dropout), nn.Linear(size, units), nn.ReLU()]
            size = units
        self.connected = nn.Sequential(*layers)
        self.embedding_size = size
        self.emotion = nn.Linear(size, classes)
        self.affect = nn.Linear(size, len(DIMENSIONS))

    def view(self, features: Tensor) -> Tensor:
        """What the convolutions read, shape (batch, 1, frames, bands), from features, shape (batch, frames, bands).

        The chunk's own level is taken away: it says more about microphone and distance than about emotion.
        """
        clipped = features.clamp(-CLIP, CLIP)
        level = clipped - clipped.mean(dim=(1, 2), keepdim=True)
        return F.avg_pool2d(level.unsqueeze(1), self.shrink) if self.shrink > 1 else level.unsqueeze(1)

    def embed(self, view: Tensor) -> Tensor:
        """The embedding, shape (batch, size)."""
        embedding: Tensor = self.connected(self.trunk(view).flatten(1))
        return embedding

    def read(self, embedding: Tensor) -> NetOutput:
        """What the heads answer to an embedding."""
        return NetOutput(self.emotion(embedding), torch.tanh(self.affect(embedding)), embedding)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised features, shape (batch, frames, bands), to classes and dimensions."""
        return self.read(self.embed(self.view(features)))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """With weights laid out channels last: training is a third faster on a processor."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=torch.channels_last)
    return convolution
