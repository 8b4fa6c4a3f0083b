"""A number with its noun: one recording, several recordings."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Such as ``1 recording`` or ``2 recordings``.

    Args:
        number: how many.
        noun: what one is called; several of it have an s more.
    """
    return f"{number} {noun if number == 1 else noun + 's'}"
