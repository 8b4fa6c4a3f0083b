"""What every net is and answers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class NetOutput(NamedTuple):
    """What a net answers.

    Attributes:
        logits: shape (batch, classes).
        dimensions: shape (batch, 3), arousal, valence and dominance in [-1, 1].
        embedding: shape (batch, size): what both heads read; auxiliary heads read it in training.
    """

    logits: Tensor
    dimensions: Tensor
    embedding: Tensor


class EmotionNet(nn.Module):
    """A net that maps standardised features, shape (batch, frames, dimension), to a :class:`NetOutput`.

    Attributes:
        embedding_size: numbers in the embedding.
    """

    embedding_size: int

    def soften(self, temperature: float) -> None:
        """Divide the logits by a temperature, once and for all."""
        raise NotImplementedError

    def __call__(self, features: Tensor) -> NetOutput:
        """Typed access to ``forward``."""
        output: NetOutput = super().__call__(features)
        return output
