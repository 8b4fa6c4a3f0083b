"""What a table holds: of which level its rows are, over which stretches, and the rows of one recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import Floats, samples, seconds
from edge_app.errors import ConfigurationError

Level: TypeAlias = Literal["functionals", "lld"]
LEVELS: tuple[Level, ...] = ("functionals", "lld")
SHORTEST_HOP = 0.01


@dataclass(frozen=True, slots=True)
class TableSettings:
    """What is asked for.

    Attributes:
        kind: a key of :data:`edge_app.feature_table.sets.FEATURE_SETS`.
        level: ``functionals`` of stretches of audio, or ``lld``: the low-level descriptors of every frame.
        window: seconds in a stretch; None for the whole recording.
        hop: seconds between the starts of two stretches; None for the length of a window.
    """

    kind: str
    level: Level = "functionals"
    window: float | None = None
    hop: float | None = None

    def __post_init__(self) -> None:
        if self.window is None:
            if self.hop is not None:
                raise ConfigurationError("--hop without --window; give both, as in --window 1 --hop 0.25")
            return
        if self.level == "lld":
            raise ConfigurationError("--window is for functionals: low-level descriptors have a row per frame")
        for option, value in (("--window", self.window), ("--hop", self.hop)):
            if value is not None and not (math.isfinite(value) and value >= SHORTEST_HOP):
                raise ConfigurationError(f"{option} is {value:g} s; give at least {SHORTEST_HOP:g} s")

    def stretches(self, total: int) -> list[tuple[int, int]]:
        """The stretches of a recording that get a row each, as positions of samples, end exclusive.

        Windows are whole; a recording shorter than one is a stretch by itself.

        Args:
            total: samples in the recording.
        """
        if self.window is None:
            return [(0, total)]
        length, hop = samples(self.window), samples(self.window if self.hop is None else self.hop)
        return [(start, start + length) for start in range(0, total - length + 1, hop)] or [(0, total)]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one recording.

    Attributes:
        starts: int64, shape (rows,): first sample of each.
        ends: int64, shape (rows,): one past the last sample.
        values: float32, shape (rows, columns).
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    values: Floats

    def times(self) -> list[tuple[float, float]]:
        """Start and end of each row in seconds."""
        return [
            (seconds(start), seconds(end)) for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]


class FeatureComputer(Protocol):
    """Computes the rows of recordings, one after the other.

    Attributes:
        columns: names of the features, in the order of the values.
    """

    columns: tuple[str, ...]

    def feed(self, block: Floats) -> None:
        """Take the next samples of a recording, shape (n,), 16 kHz mono in [-1, 1]."""
        ...

    def finish(self) -> Rows:
        """The rows of the recording, none where it is too short for a frame; ready for the next one."""
        ...

    def reset(self) -> None:
        """Forget a recording that was broken off."""
        ...
