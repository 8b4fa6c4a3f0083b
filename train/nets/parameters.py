"""Arguments that a configuration gives a net, checked before the net is built from them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from edge_app.errors import ConfigurationError
from train.kinds import of_kind, written
from train.nets.base import EmotionNet


class Range(NamedTuple):
    """What a number may be.

    Attributes:
        least: the lowest.
        most: the highest.
        words: how that is told.
    """

    least: float
    most: float
    words: str


COUNT = Range(1, 4096, "must lie between 1 and 4096")
SHARE = Range(0, 1, "must lie between 0 and 1")
RANGES = {
    "width": COUNT,
    "hidden": COUNT,
    "latent": COUNT,
    "context": COUNT,
    "heads": COUNT,
    "dense": COUNT,
    "dropout": SHARE,
    "voice": SHARE,
    "silence": Range(0, 0.5, "must lie between 0 and 0.5: the two branches are never silenced together"),
    "noise": Range(0, math.inf, "must not be negative"),
    "clip": Range(math.ulp(0.0), math.inf, "must be above 0"),
}
"""By name, whatever net it is; what depends on other arguments or on the features, and lists, nets check themselves."""


def arguments(kind: type[EmotionNet]) -> dict[str, Any]:
    """What a configuration may give a net, with the defaults."""
    given = inspect.signature(kind).parameters.values()
    return {parameter.name: parameter.default for parameter in given if parameter.default is not parameter.empty}


def checked(net: str, kind: type[EmotionNet], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a net, each of the right kind and in range.

    Args:
        net: name of the net.
        kind: its class.
        values: as read from TOML.

    Raises:
        ConfigurationError: naming the first that is not.
    """
    defaults = arguments(kind)
    found = {}
    for key, value in values.items():
        if key not in defaults:
            raise ConfigurationError(f"[model] of net {net!r} has no key {key!r}; it has {', '.join(defaults)}")
        found[key] = number = of_kind(f"[model] {key}", value, defaults[key])
        limits = RANGES.get(key)
        if limits and isinstance(number, int | float) and not limits.least <= number <= limits.most:
            raise ConfigurationError(f"[model] {key} = {written(value)}: {limits.words}")
    return found
