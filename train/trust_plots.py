"""Risk over coverage as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_risk(trusted: Mapping[str, Any], path: Path) -> None:
    """Draw the share of wrong labels over the share of decisions that get one, and the chosen threshold.

    Args:
        trusted: what :func:`train.trust.trust` found.
        path: the PNG file; the same figures give the same bytes.
    """
    points = trusted["points"]
    figure = Figure(figsize=(4.2, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([point["coverage"] for point in points], [point["risk"] for point in points], "o-", markersize=4)
    axes.axhline(trusted["tolerated"], color="grey", linewidth=1, linestyle="--")
    chosen = next(point for point in points if point["threshold"] == trusted["threshold"])
    axes.plot([chosen["coverage"]], [chosen["risk"]], "s", color="C3", label=f"threshold {chosen['threshold']:.2f}")
    axes.set(xlabel="coverage", ylabel="risk", xlim=(0, 1.02), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=80, metadata={"Software": None})
