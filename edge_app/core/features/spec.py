"""What names a feature set exactly, so that a model is never fed features it was not trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Parameter = int | float | str


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A kind of features and every parameter that changes their values.

    Attributes:
        kind: the name under which the extractor is registered in ``EXTRACTORS``.
        parameters: its parameters, as in the extractor's own settings.
    """

    kind: str
    parameters: Mapping[str, Parameter]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def digest(self) -> str:
        """SHA-256 of the kind and parameters in canonical JSON: equal digests mean equal features."""
        canonical = json.dumps(
            {"kind": self.kind, "parameters": dict(self.parameters)}, sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(canonical.encode()).hexdigest()
