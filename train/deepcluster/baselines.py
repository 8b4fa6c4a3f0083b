"""What the paper compares with: autoencoders on the same trunk, which learn emotion and reconstruction together."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.losses import divergence_loss
from train.nets.base import NetOutput
from train.nets.vgg import VggNet

DIVERGENCE = 1e-3
"""Weight of the divergence, which is a sum over the latent numbers while reconstruction is a mean over pixels."""


class Companion(Protocol):
    """Something that is trained beside a net and stays behind."""

    def __call__(self, net: VggNet, features: Tensor) -> tuple[NetOutput, Tensor]:
        """What the heads answer to features, shape (batch, frames, bands), and the loss that is added."""
        ...


class Decoder(nn.Module):
    """The trunk of a VGG backwards: every stage doubles the picture and ends in one convolution.

    Args:
        net: the VGG.
    """

    def __init__(self, net: VggNet) -> None:
        super().__init__()
        self._maps = [net.picture, *net.maps]
        channels, frames, bands = self._maps[-1]
        self.connected = nn.Linear(net.embedding_size, channels * frames * bands)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(above[0], max(below[0], 1), 3, padding=1)
            for below, above in zip(self._maps[-2::-1], self._maps[:0:-1], strict=True)
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """A picture, shape (batch, 1, frames, bands), from an embedding, shape (batch, size)."""
        picture = torch.relu(self.connected(embedding)).unflatten(1, self._maps[-1])
        for at, (convolution, below) in enumerate(zip(self.convolutions, self._maps[-2::-1], strict=True)):
            picture = convolution(F.interpolate(picture, size=below[1:], mode="nearest"))
            if at + 1 < len(self.convolutions):
                picture = torch.relu(picture)
        return picture


class Autoencoding(nn.Module):
    """CNN-AE: the embedding must tell the picture, too, by the mean squared error over its pixels.

    Args:
        net: the VGG.
    """

    def __init__(self, net: VggNet) -> None:
        super().__init__()
        self.decoder = Decoder(net)

    def forward(self, net: VggNet, features: Tensor) -> tuple[NetOutput, Tensor]:
        """See :class:`Companion`."""
        view = net.view(features)
        embedding = net.embed(view)
        if not self.training:
            return net.read(embedding), torch.zeros(())
        return net.read(embedding), F.mse_loss(self.decoder(embedding), view)


class VariationalAutoencoding(nn.Module):
    """CNN-VAE: heads and decoder read a sample of a normal distribution that the embedding gives, and its mean later.

    Args:
        net: the VGG.
    """

    def __init__(self, net: VggNet) -> None:
        super().__init__()
        self.decoder = Decoder(net)
        self.mean = nn.Linear(net.embedding_size, net.embedding_size)
        self.log_variance = nn.Linear(net.embedding_size, net.embedding_size)

    def forward(self, net: VggNet, features: Tensor) -> tuple[NetOutput, Tensor]:
        """See :class:`Companion`."""
        view = net.view(features)
        embedding = net.embed(view)
        mean = self.mean(embedding)
        if not self.training:
            return net.read(mean), torch.zeros(())
        log_variance = self.log_variance(embedding)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        loss = F.mse_loss(self.decoder(latent), view) + DIVERGENCE * divergence_loss(mean, log_variance)
        return net.read(latent), loss
