"""Robustness curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from train.noise_curves import MARGIN
from train.noise_report import NO_FRONT, ratio_name

Values: TypeAlias = dict[str, dict[float | None, float | None]]
"""A figure by kind of noise and ratio."""

DIMENSION = "arousal"
MARKS = "osD^v*Px"
CLEAN_GAP = 5.0
"""Decibels that clean speech is drawn to the left of the highest ratio."""


def draw_curves(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw UAR, CCC of arousal where it is known, and the speech that voice activity misses, over the ratio.

    Args:
        reports: what ``edge-ser evaluate --noise`` wrote, of one model; each gets a column.
        path: the PNG file; the same reports give the same bytes.
    """
    names = ["UAR", "speech missed"]
    if any(_figure(report, DIMENSION) for report in reports):
        names.insert(1, f"CCC {DIMENSION}")
    figure = Figure(figsize=(4.2 * len(reports), 2.6 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(reports), squeeze=False, sharey="row")
    for column, report in enumerate(reports):
        top, bottom = axes[0, column], axes[-1, column]
        _draw(top, _figure(report, "uar"))
        top.axhline(report["chance"], color="grey", linewidth=1, linestyle=":")
        top.axhline(report["chance"] + MARGIN, color="grey", linewidth=1, linestyle="--")
        top.set(title=f"{report['corpus']}{', trained on it' if report['trained_on_corpus'] else ''}", ylim=(0, 1))
        if len(names) > 2:
            _draw(axes[1, column], _figure(report, DIMENSION))
            axes[1, column].set(ylim=(-0.2, 1))
        missed = report.get("front", NO_FRONT)["vad"].get(report["vad"], {})
        _draw(bottom, {kind: {point["snr_db"]: point["miss"] for point in missed[kind]} for kind in missed})
        bottom.set(ylim=(0, 1), xlabel="signal-to-noise ratio, dB")
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name)
    axes[0, -1].legend(fontsize="small")
    figure.savefig(path, dpi=80, metadata={"Software": None})


def _figure(report: Mapping[str, Any], name: str) -> Values:
    """UAR or a dimension's CCC of each kind at each ratio; nothing where the model has no such dimension."""
    found: Values = {}
    for kind, curve in report["curves"].items():
        for point in curve["points"]:
            values = point if name == "uar" else point["ccc"] or {}
            if name in values:
                found.setdefault(kind, {})[point["snr_db"]] = values[name]
    return found


def _draw(axes: Axes, values: Values) -> None:
    ratios = list(next(iter(values.values()), {}))
    highest = max((ratio for ratio in ratios if ratio is not None), default=0.0)
    places = [highest + CLEAN_GAP if ratio is None else ratio for ratio in ratios]
    for mark, (kind, curve) in zip(MARKS, values.items(), strict=False):
        shown = [float("nan") if value is None else value for value in curve.values()]
        axes.plot(places, shown, marker=mark, markersize=4, label=kind)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter([ratio_name(ratio).removesuffix(" dB") for ratio in ratios]))
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
