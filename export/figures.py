"""The part of the model card that says what was measured, condition by condition and class by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def render_figures(manifest: Mapping[str, Any]) -> str:
    """The table of figures, what they assume of the wearer, and the classes that the model seldom finds."""
    return "\n\n".join(part for part in (_metrics(manifest["metrics"]), _measured(manifest), _seldom(manifest)) if part)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for condition, figures in metrics.items():
        interval = figures.get("interval") or {}
        rows.append(
            (
                condition,
                str(figures.get("variant", "net")),
                f"{figures['n']:,}",
                _with_interval(figures["uar"], interval.get("uar")),
                _with_interval(figures["wa"], interval.get("wa")),
                _named(figures.get("recall")),
                _named(figures.get("ccc")),
                "trained on this corpus" if figures.get("trained_on_corpus") else "",
            )
        )
    return table(("condition", "variant", "n", "UAR", "WA", "recall", "CCC", ""), rows)


def _measured(manifest: Mapping[str, Any]) -> str:
    """What the figures assume of the wearer, where that is not what the bundle does by default."""
    default = (manifest.get("wearer") or {}).get("default", "none")
    if default == "none":
        return ""
    return (
        "Where a condition names no baseline it was `--baseline none`; unless told otherwise this model runs with\n"
        f"`--baseline {default}`."
    )


def _seldom(manifest: Mapping[str, Any]) -> str:
    """The classes that the model finds less often than a guess would, on corpora that it never met."""
    chance = 1 / len(manifest["labels"])
    found = []
    for condition, figures in manifest["metrics"].items():
        recall = figures.get("recall") or {}
        low = {label: value for label, value in recall.items() if value is not None and value < chance}
        if low and figures.get("trained_on_corpus") is False:
            found.append(f"- {condition}: {_named(low)}")
    if not found:
        return ""
    return "**Found less often than by guessing**, on speech of corpora that it never met:\n\n" + "\n".join(found)


def _named(values: Mapping[str, float | None] | None) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in (values or {}).items() if value is not None) or "-"


def _with_interval(value: float | None, limits: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else "")
