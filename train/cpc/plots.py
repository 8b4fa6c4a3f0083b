"""The contexts of a pre-trained encoder in two dimensions, by class and by speaker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from edge_app.core.types import Floats
from train.cpc.judging import Utterances
from train.nets.cpc import CpcEncoder

PERPLEXITY = 30


@torch.no_grad()
def mean_contexts(encoder: CpcEncoder, utterances: Utterances) -> Floats:
    """The mean context of each utterance, shape (n, context)."""
    encoder.eval()
    rows = []
    for at in range(len(utterances.numbers)):
        frames = torch.from_numpy(utterances.frames(at))[None]
        rows.append(encoder(frames, encoder.start(1)).contexts[0].mean(dim=0).numpy())
    return np.stack(rows)


def draw_contexts(contexts: Floats, classes: list[str], speakers: list[str], path: Path, seed: int = 0) -> None:
    """Draw t-SNE (van der Maaten and Hinton 2008) of contexts, once by class and once by speaker.

    Args:
        contexts: shape (n, context).
        classes: label of each.
        speakers: speaker of each.
        path: the PNG file.
        seed: of the embedding.
    """
    place = TSNE(perplexity=min(PERPLEXITY, len(contexts) / 4), random_state=seed, init="pca").fit_transform(contexts)
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    for axes, title, names in zip(figure.subplots(1, 2), ("class", "speaker"), (classes, speakers), strict=True):
        for name in sorted(set(names)):
            chosen = np.array([each == name for each in names])
            axes.scatter(*place[chosen].T, s=10, alpha=0.7, linewidths=0, label=name)
        axes.set(title=f"by {title}", xticks=[], yticks=[])
        axes.legend(fontsize="x-small", markerscale=1.5)
    figure.savefig(path, dpi=80)


def silhouettes(contexts: Floats, classes: list[str], speakers: list[str]) -> dict[str, float]:
    """How well contexts fall apart by class and by speaker (Rousseeuw 1987), in [-1, 1]; 0 is not at all."""
    return {
        "class": round(float(silhouette_score(contexts, classes)), 4),
        "speaker": round(float(silhouette_score(contexts, speakers)), 4),
    }
