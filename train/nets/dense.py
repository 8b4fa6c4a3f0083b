"""A dense net of functionals, the encoder of the ladders (Leem et al., Interspeech 2021).

Each hidden layer is ``relu(z + b)``, with ``z`` the batch normalisation of an affine map without a scale of its own: a
rectifier needs none (Rasmus et al., NIPS 2015). In evaluation that is one affine layer, and as such it is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from edge_app.core.labels import DIMENSIONS
from edge_app.errors import ConfigurationError
from train.nets.base import EmotionNet, NetOutput

EPSILON = 1e-5
"""What is added to a variance: a feature that never varies is normalised to 0."""

MOMENTUM = 0.1


class Moments(NamedTuple):
    """Mean and deviation of a layer's units over each batch, shape (..., 1, units) each."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Moments:
        """Moments over rows, shape (..., batch, units); of one row the deviation is next to 0, and never undefined."""
        variance, mean = torch.var_mean(values, dim=-2, correction=0, keepdim=True)
        return cls(mean, (variance + EPSILON).sqrt())

    def normalise(self, values: Tensor) -> Tensor:
        """``(values - mean) / deviation``, shape (..., batch, units)."""
        return (values - self.mean) / self.deviation


class HiddenLayer(nn.Module):
    """``relu(BN(W x) + b)``.

    Args:
        inputs: numbers that it reads.
        units: numbers that it gives.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units, bias=False)
        self.shift = nn.Parameter(torch.zeros(units))
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("deviation", torch.ones(units))

    @property
    def stored(self) -> Moments:
        """What evaluation normalises by."""
        return Moments(self.mean, self.deviation)

    def remember(self, moments: Moments, share: float = 1.0) -> None:
        """Let what evaluation normalises by become so much more like the moments of one batch."""
        with torch.no_grad():
            self.mean.lerp_(moments.mean.flatten(), share)
            self.deviation.lerp_(moments.deviation.flatten(), share)

    def activate(self, normalised: Tensor) -> Tensor:
        """``relu(z + b)``, shape (batch, units)."""
        return torch.relu(normalised + self.shift)

    def forward(self, inputs: Tensor) -> Tensor:
        """Units, shape (batch, units), normalised by the batch in training and by what is stored in evaluation."""
        values = self.linear(inputs)
        moments = self.stored
        if self.training:
            moments = Moments.of(values)
            self.remember(moments, MOMENTUM)
        return self.activate(moments.normalise(values))

    def folded(self) -> nn.Linear:
        """The affine map ``W x / s + (b - m / s)`` that evaluation applies before the rectifier."""
        layer = nn.Linear(self.linear.in_features, self.linear.out_features)
        with torch.no_grad():
            layer.weight.copy_(self.linear.weight / self.deviation[:, None])
            layer.bias.copy_(self.shift - self.mean / self.deviation)
        return layer


class DenseNet(EmotionNet):
    """See the module.

    Args:
        shape: (functionals,).
        classes: classes of the head.
        hidden: units of each hidden layer; the last is the embedding that the heads read.
        clip: functionals beyond that many deviations count as that many.

    Raises:
        ConfigurationError: there is no hidden layer, or one without units.
    """

    reads: ClassVar[Literal["frames", "functionals"]] = "functionals"

    def __init__(self, shape: tuple[int], classes: int, hidden: Sequence[int] = (128, 128), clip: float = 10.0) -> None:
        super().__init__()
        if not hidden or min(hidden) < 1:
            raise ConfigurationError(f"[model] hidden = {list(hidden)}: give the units of one hidden layer or more")
        self.clip = clip
        self.embedding_size = hidden[-1]
        sizes = [shape[0], *hidden]
        self.layers = nn.ModuleList(HiddenLayer(*pair) for pair in pairwise(sizes))
        self.emotion = nn.Linear(self.embedding_size, classes)
        self.affect = nn.Linear(self.embedding_size, len(DIMENSIONS))

    @property
    def stack(self) -> list[HiddenLayer]:
        """The hidden layers, from the functionals up."""
        return [layer for layer in self.layers if isinstance(layer, HiddenLayer)]

    def clipped(self, features: Tensor) -> Tensor:
        """Functionals as the first layer reads them."""
        return features.clamp(-self.clip, self.clip)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised functionals, shape (batch, functionals), to classes and dimensions."""
        embedding = self.clipped(features)
        for layer in self.layers:
            embedding = layer(embedding)
        return NetOutput(self.emotion(embedding), self.affect(embedding).clamp(-1.0, 1.0), embedding)

    @torch.no_grad()
    def measure(self, features: Tensor) -> None:
        """Set what evaluation normalises by to the moments over these rows, shape (n, functionals), exactly."""
        values = self.clipped(features)
        for layer in self.stack:
            linear = layer.linear(values)
            layer.remember(Moments.of(linear))
            values = layer.activate(layer.stored.normalise(linear))

    def for_device(self) -> EmotionNet:
        """See :meth:`EmotionNet.for_device`: batch normalisation is folded into the weights."""
        return FoldedNet(self)


class FoldedNet(EmotionNet):
    """What a :class:`DenseNet` computes in evaluation, as plain affine layers.

    Args:
        net: the net, which stays as it is.
    """

    reads: ClassVar[Literal["frames", "functionals"]] = "functionals"

    def __init__(self, net: DenseNet) -> None:
        super().__init__()
        self.clip = net.clip
        self.embedding_size = net.embedding_size
        self.layers = nn.ModuleList(layer.folded() for layer in net.stack)
        self.emotion, self.affect = net.emotion, net.affect

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised functionals, shape (batch, functionals), to classes and dimensions."""
        embedding = features.clamp(-self.clip, self.clip)
        for layer in self.layers:
            embedding = torch.relu(layer(embedding))
        return NetOutput(self.emotion(embedding), self.affect(embedding).clamp(-1.0, 1.0), embedding)
