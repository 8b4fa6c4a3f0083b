"""Listeners' ratings on the scales that corpora publish."""

from __future__ import annotations

import math

from edge_app.errors import CorpusError

OVERSHOOT = 0.25
"""How far beyond [-1, 1] a rating may lie and still counts as its end: half a point on a scale of five."""


def scaled_rating(text: str, low: float, high: float, place: str) -> float | None:
    """Map a mean rating linearly to [-1, 1]: the ends of the scale to the ends of the range.

    Args:
        text: the number as published; empty where nobody rated.
        low: the lower end of the scale.
        high: the upper end of the scale.
        place: where the number stands, for error messages.

    Returns:
        A value in [-1, 1], or None where there is no rating.

    Raises:
        CorpusError: it is no number, or far outside the scale.
    """
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    scaled = (2 * value - low - high) / (high - low)
    if not abs(scaled) <= 1 + OVERSHOOT:
        raise CorpusError(f"{place}: the rating {text.strip()!r} is not on the published scale of {low:g} to {high:g}")
    return max(-1.0, min(1.0, scaled))
