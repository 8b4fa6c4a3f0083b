"""Kinds of values in a configuration: a value is of the kind of its default, or is told in the words of TOML."""

from __future__ import annotations

import json
from typing import Any

from edge_app.errors import ConfigurationError

KINDS = {
    bool: ("true or false", "true or false"),
    int: ("a whole number of 64 bits", "whole numbers of 64 bits"),
    float: ("a number", "numbers"),
    str: ("text in quotes", "texts in quotes"),
}
"""How one and several are called."""


LARGEST = 2**63
"""Whole numbers of TOML lie below it."""


def of_kind(place: str, value: Any, default: Any) -> Any:
    """The value as settings keep it: a list as a tuple, and a whole number as a float where the default is one.

    Args:
        place: what the value belongs to, such as ``[optimiser] rate``.
        value: as read from TOML or JSON.
        default: what it must be like; a list like the first of its entries, of texts where it is empty.

    Raises:
        ConfigurationError: it is of another kind.
    """
    if not _fits(value, default):
        raise ConfigurationError(f"{place} = {written(value)}: must be {_called(default)}")
    return _converted(value, default)


def written(value: Any) -> str:
    """A value as TOML has it, more or less."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(_fits(entry, _entry(default)) for entry in value)
    if type(value) is int and abs(value) >= LARGEST:
        return False
    return type(value) is type(default) or (type(value) is int and type(default) is float)


def _converted(value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        return tuple(_converted(entry, _entry(default)) for entry in value)
    return type(default)(value)


def _called(default: Any, several: bool = False) -> str:
    if isinstance(default, tuple):
        return f"{'lists' if several else 'a list'} of {_called(_entry(default), several=True)}"
    return KINDS[type(default)][several]


def _entry(default: tuple[Any, ...]) -> Any:
    return default[0] if default else ""
