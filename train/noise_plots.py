"""Robustness curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from train.noise_curves import MARGIN
from train.noise_kinds import KINDS
from train.noise_report import NO_FRONT, ratio_name

Values: TypeAlias = dict[str, dict[float | None, float | None]]
"""A figure by kind of noise and ratio."""

DIMENSION = "arousal"
MARKS = "osD^v*Px"
CLEAN_GAP = 5.0
"""Decibels that clean speech is drawn to the left of the highest ratio."""


def draw_curves(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw UAR, CCC of arousal where it is known, and voice activity's errors, over the ratio.

    Windows of speech that it misses are whole lines, windows of silence that it takes for speech broken ones.

    Args:
        reports: what ``edge-ser evaluate --noise`` wrote, of one model; each gets a column.
        path: the PNG file; the same reports give the same bytes.
    """
    names = ["UAR", "voice activity"]
    if any(_figure(report, DIMENSION) for report in reports):
        names.insert(1, f"CCC {DIMENSION}")
    figure = Figure(figsize=(4.2 * len(reports), 2.6 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(reports), squeeze=False, sharey="row")
    for column, report in enumerate(reports):
        top, bottom = axes[0, column], axes[-1, column]
        _draw(top, _figure(report, "uar"))
        top.axhline(report["chance"], color="grey", linewidth=1, linestyle=":")
        top.axhline(report["chance"] + MARGIN, color="grey", linewidth=1, linestyle="--")
        about = report.get("protocol") or ("trained on it" if report["trained_on_corpus"] else "never seen")
        top.set(title=f"{report['corpus']}, {about}", ylim=(0, 1))
        if len(names) > 2:
            _draw(axes[1, column], _figure(report, DIMENSION))
            axes[1, column].set(ylim=(-0.2, 1))
        errors = report.get("front", NO_FRONT)["vad"].get(report["vad"], {})
        bottom.set_visible(bool(errors))
        for name, style in (("miss", "-"), ("false_alarm", "--")):
            _draw(bottom, {kind: {point["snr_db"]: point[name] for point in errors[kind]} for kind in errors}, style)
        bottom.set(ylim=(-0.02, 1.02), xlabel="signal-to-noise ratio, dB")
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name)
    axes[0, 0].legend(fontsize="small")
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


def _draw(axes: Axes, values: Values, style: str = "-") -> None:
    ratios = list(next(iter(values.values()), {}))
    highest = max((ratio for ratio in ratios if ratio is not None), default=0.0)
    places = [highest + CLEAN_GAP if ratio is None else ratio for ratio in ratios]
    for number, (kind, curve) in enumerate(values.items()):
        look = list(KINDS).index(kind) if kind in KINDS else len(KINDS) + number
        shown = [float("nan") if value is None else value for value in curve.values()]
        mark = MARKS[look % len(MARKS)]
        axes.plot(places, shown, style, color=f"C{look}", marker=mark, markersize=4, label=kind)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter([ratio_name(ratio).removesuffix(" dB") for ratio in ratios]))
    axes.set_xlim(max(places, default=1.0) + 1.0, min(places, default=0.0) - 1.0)
    axes.grid(alpha=0.3)
