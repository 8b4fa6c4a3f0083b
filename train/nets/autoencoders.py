"""The encoders of Das et al. (ICASSP and NLDL 2022) with the linear heads that read their latent space.

What reaches a device is one affine layer from the functionals to a few latent numbers, a linear classifier of them (a
support vector machine) and a linear read-out of the dimensions: with 88 functionals, four latents and four classes
356 + 20 + 15 numbers. Training adds what is needed to reconstruct the functionals, which stays behind:
:class:`DenoisingAutoencoder` and :class:`VariationalAutoencoder`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from edge_app.core.labels import DIMENSIONS
from train.nets.base import EmotionNet, NetOutput


class LatentNet(EmotionNet):
    """An encoder and the heads on its latent space.

    Args:
        shape: (functionals,).
        classes: classes of the head.
        latent: numbers in the latent space.
        clip: functionals beyond that many deviations count as that many.
    """

    reads: ClassVar[Literal["frames", "functionals"]] = "functionals"

    def __init__(self, shape: tuple[int], classes: int, latent: int = 4, clip: float = 5.0) -> None:
        super().__init__()
        self.embedding_size = latent
        self.clip = clip
        self.encoder = nn.Linear(shape[0], latent)
        self.emotion = nn.Linear(latent, classes)
        self.affect = nn.Linear(latent, len(DIMENSIONS))

    def encode(self, features: Tensor) -> Tensor:
        """The latent, shape (batch, latent), of standardised functionals, shape (batch, functionals)."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised functionals, shape (batch, functionals), to classes and dimensions."""
        latent = self.encode(features)
        return NetOutput(self.emotion(latent), self.affect(latent).clamp(-1.0, 1.0), latent)


class DaeNet(LatentNet):
    """The encoder of a denoising autoencoder: ``tanh(W x + b)``."""

    def encode(self, features: Tensor) -> Tensor:
        """See :meth:`LatentNet.encode`."""
        return torch.tanh(self.encoder(features.clamp(-self.clip, self.clip)))


class VaeNet(LatentNet):
    """The encoder of a variational autoencoder: the mean of the latent, ``W x + b``."""

    def encode(self, features: Tensor) -> Tensor:
        """See :meth:`LatentNet.encode`."""
        return self.encoder(features.clamp(-self.clip, self.clip))


class Coding(NamedTuple):
    """What an autoencoder makes of a batch in training.

    Attributes:
        latent: without noise, shape (batch, latent).
        clean: the clipped functionals that are to be reconstructed, shape (batch, functionals).
        reconstruction: the same shape.
        log_variance: of the latent, shape (batch, latent); None where the latent is no distribution.
    """

    latent: Tensor
    clean: Tensor
    reconstruction: Tensor
    log_variance: Tensor | None


class Autoencoder(nn.Module):
    """An encoder with what training needs beside it.

    Args:
        net: the encoder; its heads take no part.
    """

    def __init__(self, net: LatentNet) -> None:
        super().__init__()
        self.net = net
        self.decoder = nn.Linear(net.embedding_size, net.encoder.in_features)

    def __call__(self, features: Tensor) -> Coding:
        """Typed access to ``forward``."""
        coding: Coding = super().__call__(features)
        return coding


class DenoisingAutoencoder(Autoencoder):
    """Reconstructs functionals from functionals with Gaussian noise (Vincent et al. 2008).

    Args:
        net: the encoder.
        noise: deviation of the noise, in deviations of a functional.
    """

    def __init__(self, net: DaeNet, noise: float) -> None:
        super().__init__(net)
        self.noise = noise

    def forward(self, features: Tensor) -> Coding:
        """Encode and reconstruct standardised functionals, shape (batch, functionals)."""
        clean = features.clamp(-self.net.clip, self.net.clip)
        noised = clean + self.noise * torch.randn_like(clean) if self.training else clean
        latent = self.net.encode(noised)
        return Coding(latent, clean, self.decoder(latent), None)


class VariationalAutoencoder(Autoencoder):
    """Reconstructs functionals from a sample of the latent's distribution (Kingma and Welling 2014).

    Args:
        net: the encoder, which gives the mean.
    """

    def __init__(self, net: VaeNet) -> None:
        super().__init__(net)
        self.spread = nn.Linear(net.encoder.in_features, net.embedding_size)

    def forward(self, features: Tensor) -> Coding:
        """Encode and reconstruct standardised functionals, shape (batch, functionals)."""
        clean = features.clamp(-self.net.clip, self.net.clip)
        latent, log_variance = self.net.encode(clean), self.spread(clean)
        sample = latent
        if self.training:
            sample = latent + (0.5 * log_variance).exp() * torch.randn_like(latent)
        return Coding(latent, clean, self.decoder(sample), log_variance)
