"""A linear classifier of functionals: the yardstick. 88 eGeMAPS functionals and four classes make 356 numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from train.nets.base import EmotionNet, NetOutput


class LinearClassifier(EmotionNet):
    """Logits that are linear in standardised functionals; it answers no dimensions.

    Args:
        shape: (functionals,).
        classes: classes of the head.
        clip: functionals beyond that many deviations count as that many.
    """

    reads: ClassVar[Literal["frames", "functionals"]] = "functionals"
    dimensions = ()

    def __init__(self, shape: tuple[int], classes: int, clip: float = 5.0) -> None:
        super().__init__()
        self.embedding_size = shape[0]
        self.clip = clip
        self.emotion = nn.Linear(self.embedding_size, classes)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised functionals, shape (batch, functionals), to logits."""
        clipped = features.clamp(-self.clip, self.clip)
        return NetOutput(self.emotion(clipped), features[:, :0], clipped)
