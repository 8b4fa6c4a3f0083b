"""The ``[cpc]`` section of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from edge_app.errors import ConfigurationError

Negatives: TypeAlias = Literal["utterance", "batch", "mixed"]

SECONDS_PER_STEP = 0.064
LEAST = 2
"""Times what is predicted, with its anchor, that a stretch must hold."""

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class CpcConfig:
    """How a ``cpc-attention`` is pre-trained, and what its recogniser learns.

    Attributes:
        ahead: k, how many steps of 64 ms ahead it predicts.
        negatives: where they are drawn: the same ``utterance``, the others of the ``batch``, or ``mixed``.
        count: N - 1, negatives of each prediction.
        seconds: longest stretch of a recording that is heard at once.
        held_out: share of the speakers, where they are known, else of the recordings, that pre-training is judged on.
        pretrained: folder that ``edge-ser pretrain`` wrote, to begin with; "" for fresh weights.
        frozen: encoder and GRU stay as they were pre-trained.
        joint: weight of InfoNCE while the recogniser learns; 0 for none.
        arousal: weight of 1 - CCC of arousal.
        valence: of valence; dominance has what is left of 1.
    """

    ahead: int = 8
    negatives: str = "mixed"
    count: int = 64
    seconds: float = 2.56
    held_out: float = 0.1
    pretrained: str = ""
    frozen: bool = False
    joint: float = 0.0
    arousal: float = 1 / 3
    valence: float = 1 / 3

    def __post_init__(self) -> None:
        if self.negatives not in get_args(Negatives):
            choices = ", ".join(get_args(Negatives))
            raise ConfigurationError(f"[cpc] negatives = {self.negatives!r}: choose from {choices}")
        if self.ahead < 1 or self.count < 1:
            raise ConfigurationError(f"[cpc] ahead = {self.ahead}, count = {self.count}: both must be at least 1")
        least = LEAST * (self.ahead + 1) * SECONDS_PER_STEP
        if self.seconds < least:
            raise ConfigurationError(f"[cpc] seconds = {self.seconds:g}: ahead = {self.ahead} needs {least:g} or more")
        if not 0 < self.held_out < 1:
            raise ConfigurationError("[cpc] held_out must lie between 0 and 1")
        if min(self.joint, self.arousal, self.valence) < 0 or self.arousal + self.valence > 1 + ROUNDING:
            raise ConfigurationError(
                f"[cpc] joint = {self.joint:g}, arousal = {self.arousal:g}, valence = {self.valence:g}: none may be "
                "negative, and arousal and valence together at most 1"
            )
