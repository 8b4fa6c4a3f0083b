"""The feature sets that a table can hold, and how each is computed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from edge_app.core.features import EXTRACTORS, FrameExtractor
from edge_app.core.features.egemaps.names import DESCRIPTORS, FUNCTIONALS
from edge_app.core.features.logmel import LogMel
from edge_app.core.types import Floats, samples, seconds
from edge_app.errors import BackendMissing, ConfigurationError
from edge_app.feature_table.layout import FeatureComputer, Rows, TableSettings

BANDS = tuple(f"logmel{band}" for band in range(LogMel().dimension))

REUSED = 31 << 20
"""Bytes that are taken and given back, untouched, before the first recording: the GNU C library then keeps freed memory
of up to twice this size, and each array is spared the page faults of new memory, a tenth of all time."""


class FeatureSet(NamedTuple):
    """A feature set of our own.

    Attributes:
        descriptors: names of the first numbers of a frame; others may follow that only functionals need.
        functionals: names of the numbers of a stretch.
        span: samples that the descriptors of a frame describe, from its start.
        summarise: functionals of frames, shape (n, dimension), as :meth:`FrameExtractor.summarise`.
    """

    descriptors: tuple[str, ...]
    functionals: tuple[str, ...]
    span: int
    summarise: Callable[[FrameExtractor, Floats, int], Floats]


def mean_and_deviation(frames: Floats) -> Floats:
    """Arithmetic mean and standard deviation (of the population) of each column, in turn, shape (2 * columns,)."""
    exact = frames.astype(np.float64)
    return np.stack((exact.mean(axis=0), exact.std(axis=0)), axis=1).ravel().astype(np.float32)


FEATURE_SETS = {
    "egemaps": FeatureSet(
        DESCRIPTORS, FUNCTIONALS, samples(0.02), lambda extractor, frames, count: extractor.summarise(frames, count)
    ),
    "logmel": FeatureSet(
        BANDS,
        tuple(f"{band}_{part}" for band in BANDS for part in ("amean", "stddev")),
        512,
        lambda extractor, frames, count: mean_and_deviation(frames),
    ),
}


class ResearchSet(NamedTuple):
    """A feature set of the repository's research side.

    Attributes:
        target: module and class of its :class:`FeatureComputer`, found when it is asked for.
        notice: what its licence allows, to be told whenever it is used.
    """

    target: str
    notice: str


OPENSMILE = (
    "openSMILE's licence allows research only: neither these features nor models trained on them may become part of a "
    "product"
)
RESEARCH_SETS = {
    "opensmile-egemaps": ResearchSet("train.opensmile_features:OpenSmileFeatures", OPENSMILE),
    "opensmile-compare": ResearchSet("train.opensmile_features:OpenSmileCompare", OPENSMILE),
}


def make_computer(settings: TableSettings) -> FeatureComputer:
    """Build what computes the rows.

    Raises:
        ConfigurationError: a window is shorter than a frame.
        BackendMissing: the set is part of the repository, or needs a package that is not installed.
    """
    if settings.kind in FEATURE_SETS:
        return FrameFeatures(settings)
    module, _, name = RESEARCH_SETS[settings.kind].target.partition(":")
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise BackendMissing(
            f"--set {settings.kind} is for research and part of the repository, not of the installed package: clone "
            "it and run pip install -e '.[opensmile]' there"
        )
    try:
        computer: FeatureComputer = getattr(importlib.import_module(module), name)(settings)
    except ModuleNotFoundError as error:
        raise BackendMissing(
            f"--set {settings.kind} needs the package {error.name!r}: run pip install -e '.[opensmile]' in the "
            "repository"
        ) from error
    return computer


class FrameFeatures:
    """Our own feature sets: frames as the audio comes, and functionals of the frames of each stretch.

    Args:
        settings: which, of which level, over which stretches.

    Attributes:
        columns: names of the features.
    """

    def __init__(self, settings: TableSettings) -> None:
        self._set = FEATURE_SETS[settings.kind]
        self._settings = settings
        self._extractor = EXTRACTORS[settings.kind]()
        self.columns = self._set.descriptors if settings.level == "lld" else self._set.functionals
        if settings.window is not None and samples(settings.window) < self._extractor.frame_length:
            shortest = seconds(self._extractor.frame_length)
            raise ConfigurationError(
                f"--window is {settings.window:g} s, too short for a frame of these features; give {shortest:g} or more"
            )
        self._frames: list[Floats] = []
        self._total = 0
        np.empty(REUSED, dtype=np.uint8)

    def feed(self, block: Floats) -> None:
        """See :class:`FeatureComputer`. What is kept of a recording is its frames."""
        self._frames.append(self._extractor.feed(block))
        self._total += len(block)

    def finish(self) -> Rows:
        """See :class:`FeatureComputer`."""
        frames = np.concatenate([*self._frames, self._extractor.finish()])
        total = self._total
        self.reset()
        return self._descriptors(frames) if self._settings.level == "lld" else self._functionals(frames, total)

    def reset(self) -> None:
        """See :class:`FeatureComputer`."""
        self._frames = []
        self._total = 0
        self._extractor.reset()

    def _descriptors(self, frames: Floats) -> Rows:
        starts = np.arange(len(frames), dtype=np.int64) * self._extractor.frame_hop
        return Rows(starts, starts + self._set.span, frames[:, : len(self.columns)])

    def _functionals(self, frames: Floats, total: int) -> Rows:
        """Functionals of each stretch: of the frames known when it ends, as many as a window has on the device."""
        stretches = self._settings.stretches(total) if len(frames) else []
        values = np.zeros((len(stretches), len(self.columns)), dtype=np.float32)
        for row, (start, end) in enumerate(stretches):
            inside = frames if end - start == total else self._known(frames, start, end)
            values[row] = self._set.summarise(self._extractor, inside, len(inside))
        bounds = np.array(stretches, dtype=np.int64).reshape(-1, 2)
        return Rows(bounds[:, 0], bounds[:, 1], values)

    def _known(self, frames: Floats, start: int, end: int) -> Floats:
        length, hop = self._extractor.frame_length, self._extractor.frame_hop
        stop = (end - length) // hop + 1
        return frames[stop - ((end - start - length) // hop + 1) : stop]
