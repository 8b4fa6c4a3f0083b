"""Horizontal bars of line characters, readable without colour: a heavy line on a light one."""

from __future__ import annotations

from textual.content import Content

from edge_app.tui.palette import FAINT

FULL, HALF, TRACK = "━", "╸", "─"


def bar(fraction: float, width: int, style: str) -> Content:
    """Draw a fraction in [0, 1] as a bar, to half a column."""
    halves = round(min(max(fraction, 0.0), 1.0) * width * 2)
    filled = FULL * (halves // 2) + HALF * (halves % 2)
    return Content.assemble((filled, style), (TRACK * (width - len(filled)), FAINT))


def signed(value: float | None) -> str:
    """Write a dimension with its sign and two decimals, a dash for None."""
    return f"{value:+.2f}".replace("-", "−") if value is not None else "–"


def percent(fraction: float) -> str:
    """Write a probability as whole percents, three digits wide."""
    return f"{fraction * 100:3.0f} %"
