"""The ladder network and its decoupled form (Leem et al., Interspeech 2021).

On a device both are the clean pass of their encoder with the heads, a :class:`~train.nets.dense.DenseNet`. Training
adds what denoises: a second, noisy pass, and a decoder that gives back every layer of the clean one, from the layer
above and, through a lateral connection, from the noisy layer itself (Valpola 2015; Rasmus et al., NIPS 2015).

The decoupled ladder splits the last hidden layer: the heads read one part, the emotion embedding, and the decoder
starts from the other, the reconstruction embedding, which stays behind. Lower layers serve both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from edge_app.errors import ConfigurationError
from train.nets.dense import DenseNet, HiddenLayer, Moments


class LadderNet(DenseNet):
    """The encoder and heads of a ladder: the decoder starts from the embedding that the heads read."""

    reconstructs: ClassVar[bool] = True


class DecoupledLadderNet(DenseNet):
    """The encoder and heads of a decoupled ladder.

    Args:
        shape: (functionals,).
        classes: classes of the head.
        hidden: units of each hidden layer, of the last one both embeddings together.
        split: share of the last hidden layer that is the emotion embedding.
        clip: functionals beyond that many deviations count as that many.

    Attributes:
        residual_size: units of the reconstruction embedding.

    Raises:
        ConfigurationError: one of the embeddings has no units.
    """

    reconstructs: ClassVar[bool] = True

    def __init__(
        self,
        shape: tuple[int],
        classes: int,
        hidden: Sequence[int] = (128, 128),
        split: float = 0.5,
        clip: float = 10.0,
    ) -> None:
        emotion = round(split * hidden[-1]) if hidden and 0 < split < 1 else 0
        if hidden and not 0 < emotion < hidden[-1]:
            raise ConfigurationError(
                f"[model] split = {split:g} of {hidden[-1]} units: both embeddings need one or more, and split "
                "lies between 0 and 1"
            )
        super().__init__(shape, classes, (*hidden[:-1], emotion) if hidden else (), clip)
        self.residual_size = hidden[-1] - emotion


class Combinator(nn.Module):
    """Denoises a layer unit by unit, given what the layer above says about it (Rasmus et al. 2015, eq. 2).

    ``g(z, u) = (z - m(u)) v(u) + m(u)``, where ``m(u) = a1 sigmoid(a2 u + a3) + a4 u + a5`` and
    ``v(u) = a6 sigmoid(a7 u + a8) + a9 u + a10``: the best denoising of a Gaussian ``z`` whose mean and spread depend
    on ``u``.

    Args:
        units: of the layer.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        start = torch.zeros(10, units)
        start[1] = start[6] = 1.0
        self.a = nn.Parameter(start)

    def forward(self, noisy: Tensor, above: Tensor) -> Tensor:
        """The estimate of the clean layer; all shapes (batch, units)."""
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = self.a
        mean = a1 * torch.sigmoid(a2 * above + a3) + a4 * above + a5
        weight = a6 * torch.sigmoid(a7 * above + a8) + a9 * above + a10
        return (noisy - mean) * weight + mean


class Encoding(NamedTuple):
    """One pass through the encoder.

    Attributes:
        layers: what the decoder gives back: the functionals, then each hidden layer before its shift, normalised, with
            noise if there was any; of the last one only the reconstruction embedding where it is decoupled.
        moments: what each hidden layer of these was normalised by.
        top: what the decoder starts from, shape (..., batch, units).
        embedding: what the heads read, shape (..., batch, units).
    """

    layers: list[Tensor]
    moments: list[Moments]
    top: Tensor
    embedding: Tensor


class Ladder(nn.Module):
    """An encoder with its decoder.

    Args:
        net: the encoder, a :class:`LadderNet` or a :class:`DecoupledLadderNet`.
        noise: deviation of the noise on every layer, the functionals among them, in deviations of each.
    """

    def __init__(self, net: DenseNet, noise: float) -> None:
        super().__init__()
        self.net = net
        self.noise = noise
        below = [net.stack[0].linear.in_features, *(layer.linear.out_features for layer in net.stack[:-1])]
        self.residual = HiddenLayer(below[-1], net.residual_size) if isinstance(net, DecoupledLadderNet) else None
        sizes = [*below, (self.residual or net.stack[-1]).linear.out_features]
        self.down = nn.ModuleList(nn.Linear(above, below, bias=False) for below, above in pairwise(sizes))
        self.combinators = nn.ModuleList(map(Combinator, sizes))

    def encode(self, features: Tensor, noisy: bool) -> Encoding:
        """A pass of batches, each normalised by its own moments.

        Args:
            features: standardised functionals, shape (batch, functionals) or (batches, batch, functionals).
            noisy: add noise to every layer.
        """
        values = self._blur(self.net.clipped(features), noisy)
        layers, moments = [values], []
        for layer in self.net.stack[:-1]:
            normalised, found = self._pass(layer, values, noisy)
            values = layer.activate(normalised)
            layers.append(normalised)
            moments.append(found)
        last = self.net.stack[-1]
        normalised, found = self._pass(last, values, noisy)
        embedding = top = last.activate(normalised)
        if self.residual is not None:
            normalised, found = self._pass(self.residual, values, noisy)
            top = self.residual.activate(normalised)
        return Encoding([*layers, normalised], [*moments, found], top, embedding)

    def decode(self, noisy: Encoding, top: Tensor | None = None) -> list[Tensor]:
        """Estimates of the clean layers, in the order of :attr:`Encoding.layers`.

        Args:
            noisy: the noisy pass.
            top: what to start from in place of ``noisy.top``, the same shape.
        """
        above = noisy.top if top is None else top
        estimates: list[Tensor] = []
        for number in reversed(range(len(self.combinators))):
            above = Moments.of(above).normalise(above)
            estimates.append(self.combinators[number](noisy.layers[number], above))
            if number > 0:
                above = self.down[number - 1](estimates[-1])
        return estimates[::-1]

    def reconstruction_losses(self, features: Tensor, use_emotion: bool = False) -> list[Tensor]:
        """``C_r`` of each layer: the mean squared error of its estimate, normalised as the clean layer was.

        Args:
            features: as for :meth:`encode`.
            use_emotion: let the decoder start from the emotion embedding, which must be as large as the other.
        """
        noisy = self.encode(features, noisy=True)
        return self._losses(features, noisy, noisy.embedding if use_emotion else None)

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The embedding of the noisy pass, which the heads read in training, and ``C_r`` of each layer."""
        noisy = self.encode(features, noisy=True)
        return noisy.embedding, self._losses(features, noisy, None)

    def _losses(self, features: Tensor, noisy: Encoding, top: Tensor | None) -> list[Tensor]:
        clean = self.encode(features, noisy=False)
        estimates = self.decode(noisy, top)
        normalised = [estimates[0], *(m.normalise(z) for m, z in zip(clean.moments, estimates[1:], strict=True))]
        return [((found - z) ** 2).mean() for found, z in zip(normalised, clean.layers, strict=True)]

    def _pass(self, layer: HiddenLayer, values: Tensor, noisy: bool) -> tuple[Tensor, Moments]:
        linear = layer.linear(values)
        moments = Moments.of(linear)
        return self._blur(moments.normalise(linear), noisy), moments

    def _blur(self, values: Tensor, noisy: bool) -> Tensor:
        return values + self.noise * torch.randn_like(values) if noisy else values
