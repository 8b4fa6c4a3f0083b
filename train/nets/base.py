"""What every net is and answers."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from edge_app.core.labels import DIMENSIONS
from edge_app.runtime.state import StateSpec
from train.nets.noise_shift import NoiseShift


class NetOutput(NamedTuple):
    """What a net answers.

    Attributes:
        logits: shape (batch, classes).
        dimensions: shape (batch, dimensions), such as arousal, valence and dominance, in [-1, 1].
        embedding: shape (batch, size): what both heads read; auxiliary heads read it in training.
    """

    logits: Tensor
    dimensions: Tensor
    embedding: Tensor


class StreamNet(nn.Module):
    """One hop of a net that reads a stream: what a device runs of it.

    ``forward`` maps standardised frames, shape (1, frames, dimension), and the tensors of the state, in the order of
    ``state``, to logits, dimensions, and the tensors as they are afterwards.

    Attributes:
        state: what the tensors are.
    """

    state: StateSpec


class EmotionNet(nn.Module):
    """A net that maps standardised features of windows to a :class:`NetOutput`.

    Attributes:
        reads: ``frames``, shape (batch, frames, dimension), ``functionals`` of them, shape (batch, size), or a
            ``stream`` of frames, the same shape, of any length.
        reconstructs: whether training gives it a decoder, which learns from speech without labels, too.
        contrasts: whether pre-training lets it learn from speech without labels, by telling futures apart.
        hears_noise: whether it takes back what noise does to the classes, by its ``noise_shift``.
        dimensions: names of the dimensions that it answers.
        embedding_size: numbers in the embedding.
    """

    reads: ClassVar[Literal["frames", "functionals", "stream"]] = "frames"
    reconstructs: ClassVar[bool] = False
    contrasts: ClassVar[bool] = False
    hears_noise: ClassVar[bool] = False
    dimensions: tuple[str, ...] = DIMENSIONS
    embedding_size: int
    emotion: nn.Linear
    noise_shift: NoiseShift

    def soften(self, temperature: float) -> None:
        """Divide the logits by a temperature, once and for all."""
        with torch.no_grad():
            self.emotion.weight.div_(temperature)
            self.emotion.bias.div_(temperature)

    def for_device(self) -> nn.Module:
        """The same net as a device runs it, where training needs another form."""
        return self

    def __call__(self, features: Tensor) -> NetOutput:
        """Typed access to ``forward``."""
        output: NetOutput = super().__call__(features)
        return output
