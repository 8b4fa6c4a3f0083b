"""Scatter plots of latent spaces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge_app.core.types import Floats
from train.das.protocol import LABELS, Study, latents, splits, standardised_rows, train_encoder

POINTS = 400
COLUMNS = 4


def scatter_latents(study: Study, variants: Mapping[str, object], path: Path) -> None:
    """Draw the latents of the first fold's encoders in their two principal directions, by corpus and by class.

    Args:
        study: what is studied.
        variants: names in ``VARIANTS``.
        path: the PNG file.
    """
    split = splits(study)[0]
    rows = standardised_rows(study, split)
    rng = np.random.default_rng(study.seed)
    shown = {"training": split.held_out}
    shown |= {name: np.flatnonzero(study.corpus == name) for name in study.transfer}
    chosen = {name: rng.choice(each, min(POINTS, len(each)), replace=False) for name, each in shown.items()}
    figure = Figure(figsize=(3 * COLUMNS, 3 * 2 * -(-len(variants) // COLUMNS)), layout="constrained")
    axes = figure.subplots(2 * -(-len(variants) // COLUMNS), COLUMNS, squeeze=False)
    for spot in axes.flat:
        spot.set_axis_off()
    for at, variant in enumerate(variants):
        net = train_encoder(variant, study, 0, rows.select(split.train))
        plane = _principal_plane(latents(net, rows.features[split.train]))
        place = latents(net, rows.features) @ plane
        low, high = np.quantile(place, [0.005, 0.995], axis=0)
        by_corpus, by_class = axes[2 * (at // COLUMNS) : 2 * (at // COLUMNS) + 2, at % COLUMNS]
        for name, numbers in chosen.items():
            by_corpus.scatter(*place[numbers].T, s=4, alpha=0.5, linewidths=0, label=name)
        everybody = np.concatenate(list(chosen.values()))
        for number, label in enumerate(LABELS):
            of_class = everybody[rows.label[everybody] == number]
            by_class.scatter(*place[of_class].T, s=4, alpha=0.5, linewidths=0, label=label)
        for spot, title in ((by_corpus, f"{variant}: corpora"), (by_class, f"{variant}: classes")):
            spot.set_axis_on()
            spot.set(title=title, xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
            if at == 0:
                spot.legend(fontsize="small", markerscale=3)
    figure.savefig(path, dpi=80)


def _principal_plane(latent: Floats) -> Floats:
    """The two directions in which latents vary most, shape (latent, 2)."""
    directions: Floats = np.linalg.svd(latent - latent.mean(axis=0), full_matrices=False)[2][:2].T
    return directions
