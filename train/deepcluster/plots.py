"""Who and what is in each cluster, as in the paper's figure 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {
    "neutral": "#9e9e9e",
    "calm": "#80cbc4",
    "happiness": "#fbc02d",
    "sadness": "#1e88e5",
    "anger": "#d32f2f",
    "fear": "#7b1fa2",
    "disgust": "#558b2f",
    "surprise": "#fb8c00",
    "boredom": "#6d4c41",
}


def draw_clusters(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw how emotions, and below how speakers, are distributed in every cluster, by rising mean arousal.

    Args:
        found: by title, ``clusters`` of a training (:func:`~train.deepcluster.experiment.describe_clusters`).
        path: the PNG file.
    """
    figure = Figure(figsize=(4.2 * len(found), 7), layout="constrained")
    axes = figure.subplots(2, len(found), squeeze=False, sharey=True)
    for at, (title, clusters) in enumerate(found.items()):
        order = by_arousal(clusters["arousal"])
        for row, kind in enumerate(("emotion", "speaker")):
            names = clusters["names"][kind]
            _draw(axes[row, at], np.array(clusters["counts"][kind], dtype=float)[order], names, kind == "emotion")
            adjusted = clusters["agreement"][kind]["adjusted"]
            axes[row, at].set_title(f"{title if row == 0 else ''}\n{kind}: adjusted mutual information {adjusted:.2f}",
                                    fontsize="medium")  # fmt: skip
        arousal = [clusters["arousal"][k] for k in order]
        axes[1, at].set_xticks(range(len(order)), ["–" if a is None else f"{a:+.2f}" for a in arousal], rotation=90)
        axes[1, at].set_xlabel("cluster, by the mean mapped arousal of its chunks")
        axes[0, at].set_xticks([])
    axes[0, 0].set_ylabel("share of the cluster's chunks")
    axes[1, 0].set_ylabel("share of the cluster's chunks")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    axes[1, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="x-small")
    figure.savefig(path, dpi=80)


def by_arousal(arousal: Sequence[float | None]) -> list[int]:
    """Numbers of the clusters by rising arousal; those without chunks come last."""
    return sorted(range(len(arousal)), key=lambda k: (arousal[k] is None, arousal[k] or 0.0))


def _draw(spot: Axes, counts: np.ndarray, names: Sequence[str], emotions: bool) -> None:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    base = np.zeros(len(share))
    palette = matplotlib.colormaps["tab20"]
    for at, name in enumerate(names):
        colour = COLOURS.get(name) if emotions else palette(at % palette.N)
        spot.bar(range(len(share)), share[:, at], bottom=base, width=0.9, color=colour, label=name)
        base = base + share[:, at]
    spot.set_ylim(0, 1)
