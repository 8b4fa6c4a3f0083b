"""What a stateful model carries from one hop to the next: tensors that its graph takes in and gives back.

A stateless model reads a whole window each time. A stateful one reads the frames that are new and, beside them, the
tensors that it answered last time; nothing is computed twice. A bundle declares these tensors, and whoever runs it
hands them on without knowing what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_app.errors import ConfigurationError

SUFFIX = "_next"
"""The graph's output for a tensor has the name of its input, and this."""

SHORTEST_MEMORY = 2.0
LONGEST_MEMORY = 10.0
MEMORY = 4.0


@dataclass(frozen=True, slots=True)
class StateTensor:
    """One tensor of the state, float32.

    Attributes:
        name: of the graph's input; its output adds ``SUFFIX``.
        shape: what it starts as, all zeros.
        rate: rows that a second of audio adds along axis 1; the newest that memory holds are kept. 0 for a tensor that
            does not grow.
    """

    name: str
    shape: tuple[int, ...]
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class StateSpec:
    """The state of a model.

    Attributes:
        frames: the graph reads multiples of so many frames; what is left over waits for the next hop.
        tensors: in any order.
        memory: seconds that tensors which grow look back.
    """

    frames: int
    tensors: tuple[StateTensor, ...]
    memory: float = MEMORY

    def __post_init__(self) -> None:
        if not SHORTEST_MEMORY <= self.memory <= LONGEST_MEMORY:
            raise ConfigurationError(
                f"memory is {self.memory:g} s; choose between {SHORTEST_MEMORY:g} and {LONGEST_MEMORY:g} s"
            )
        if self.frames < 1:
            raise ConfigurationError(f"state: a model cannot read {self.frames} frames at a time")

    def rows(self, tensor: StateTensor) -> int:
        """How many rows a tensor that grows may have."""
        return math.floor(tensor.rate * self.memory)

    def as_dict(self) -> dict[str, Any]:
        """As stored in ``bundle.json``."""
        return {
            "frames": self.frames,
            "memory": self.memory,
            "tensors": [
                {"name": tensor.name, "shape": list(tensor.shape), **({"rate": tensor.rate} if tensor.rate else {})}
                for tensor in self.tensors
            ],
        }


def parse_state(entry: Mapping[str, Any]) -> StateSpec:
    """Read what :meth:`StateSpec.as_dict` gave.

    Raises:
        KeyError, TypeError, ValueError, ConfigurationError: it is something else.
    """
    tensors = tuple(
        StateTensor(str(tensor["name"]), tuple(map(int, tensor["shape"])), float(tensor.get("rate", 0.0)))
        for tensor in entry["tensors"]
    )
    return StateSpec(int(entry["frames"]), tensors, float(entry["memory"]))
