"""Robustness curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator

from train.noise_report import ratio_name

DIMENSION = "arousal"
MARKS = "osD^v*"
CLEAN_GAP = 5.0
"""Decibels that clean speech is drawn to the left of the highest ratio."""


def draw_curves(reports: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw UAR, and CCC of arousal where it is known, over the signal-to-noise ratio: a column for each report.

    Args:
        reports: what :func:`train.noise_curves.measure_curves` found, of one model.
        path: the PNG file; the same reports give the same bytes.
    """
    with_ccc = any(DIMENSION in (_points(report)[0]["ccc"] or {}) for report in reports)
    rows = 2 if with_ccc else 1
    figure = Figure(figsize=(4.2 * len(reports), 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, len(reports), squeeze=False, sharey="row")
    for column, report in enumerate(reports):
        top = axes[0, column]
        _draw(top, report, lambda point: point["uar"])
        top.axhline(report["chance"], color="grey", linewidth=1, linestyle=":")
        top.axhline(report["chance"] + 0.1, color="grey", linewidth=1, linestyle="--")
        seen = ", trained on it" if report["trained_on_corpus"] else ""
        top.set(title=f"{report['corpus']}{seen}", ylim=(0, 1))
        if with_ccc:
            _draw(axes[1, column], report, lambda point: (point["ccc"] or {}).get(DIMENSION))
            axes[1, column].set(ylim=(-0.2, 1))
        axes[-1, column].set_xlabel("signal-to-noise ratio, dB")
    axes[0, 0].set_ylabel("UAR")
    axes[0, -1].legend(fontsize="small")
    if with_ccc:
        axes[1, 0].set_ylabel(f"CCC {DIMENSION}")
    figure.savefig(path, dpi=80, metadata={"Software": None})


def _points(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    points: Sequence[Mapping[str, Any]] = next(iter(report["curves"].values()))["points"]
    return points


def _draw(axes: Axes, report: Mapping[str, Any], figure: Any) -> None:
    ratios = [point["snr_db"] for point in _points(report)]
    highest = max((ratio for ratio in ratios if ratio is not None), default=0.0)
    places = [highest + CLEAN_GAP if ratio is None else ratio for ratio in ratios]
    for mark, (name, curve) in zip(MARKS, report["curves"].items(), strict=False):
        values = [float("nan") if figure(point) is None else figure(point) for point in curve["points"]]
        axes.plot(places, values, marker=mark, markersize=4, label=name)
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_major_formatter(FixedFormatter([ratio_name(ratio).removesuffix(" dB") for ratio in ratios]))
    axes.invert_xaxis()
    axes.grid(alpha=0.3)
