"""Speech without labels for the nets that reconstruct it: corpora, manifests and folders, the same in all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats
from train.config import ExperimentConfig
from train.corpora import Utterance, read_corpus
from train.corpora.manifest import is_manifest
from train.dataset import LEAST_SPEECH
from train.functionals import FunctionalTable, build_table
from train.rows import OUTLIER
from train.runner import store_settings

SUPERVISED = (
    "no unlabelled speech ([data] unlabelled): the ladder is now supervised, and reconstructs the labelled alone"
)


def read_unlabelled(config: ExperimentConfig, root: Path | str | None) -> list[Utterance]:
    """All utterances of ``[data] unlabelled``, with labels or without.

    Raises:
        CorpusError: one of them is missing or empty.
    """
    return [u for name in config.data.unlabelled for u in read_corpus(name, None if is_manifest(name) else root)]


def open_unlabelled(
    config: ExperimentConfig, root: Path | str | None, cache: Path, progress: Progress | None = None
) -> FunctionalTable | None:
    """Functionals of the unlabelled speech, clean and augmented as the labelled is; None where there is none."""
    utterances = read_unlabelled(config, root)
    if not utterances:
        return None
    return build_table(utterances, store_settings(config, root), cache, progress=progress)


def unlabelled_rows(table: FunctionalTable | None, baseline: Baseline) -> Floats:
    """Standardised windows with speech, clean and augmented, outliers cut to the limit, shape (n, functionals).

    Args:
        table: functionals of the unlabelled speech; None for none.
        baseline: statistics of the labelled windows.
    """
    if table is None:
        return np.zeros((0, len(baseline.mean)), dtype=np.float32)
    values = table.values[:, table.speech_windows(LEAST_SPEECH)]
    return np.clip(baseline.standardise(values.reshape(-1, values.shape[2])), -OUTLIER, OUTLIER)
