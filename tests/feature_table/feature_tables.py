"""``edge-ser features``, and what its tables should hold."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from edge_app.audio.file import FileSource
from edge_app.cli import cli
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats
from edge_app.feature_table.sets import FEATURE_SETS

Table = tuple[list[str], list[tuple[str, float, float]], np.ndarray]
OURS = list(FEATURE_SETS)


def features(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["features", *map(str, arguments)])


def read_csv(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    places = [(name, float(start), float(end)) for name, start, end, *_ in lines]
    return header, places, np.array([line[3:] for line in lines], dtype=np.float32)


def samples_of(path: Path) -> Floats:
    blocks: list[Floats] = []
    FileSource(path).run(lambda block: blocks.append(block.samples), threading.Event())
    return np.concatenate(blocks)


def extracted(kind: str, path: Path) -> Floats:
    """All frames of a recording, given to the extractor at once."""
    extractor = EXTRACTORS[kind]()
    return np.concatenate([extractor.feed(samples_of(path)), extractor.finish()])


def functionals(kind: str, frames: Floats) -> Floats:
    """Functionals of frames: the extractor's own, or mean and deviation where a model reads frames."""
    if kind == "logmel":
        exact = frames.astype(np.float64)
        return np.array([f(band) for band in exact.T for f in (np.mean, np.std)], dtype=np.float32)
    return EXTRACTORS[kind]().summarise(frames, len(frames))
