"""openSMILE's eGeMAPS and ComParE, to compare with. Its licence allows research only: nothing that ships may use it."""

from __future__ import annotations

import numpy as np
import opensmile

from edge_app.core.types import SAMPLE_RATE, Floats, samples
from edge_app.errors import ConfigurationError
from edge_app.feature_table.layout import Rows, TableSettings

LEVELS = {
    "functionals": opensmile.FeatureLevel.Functionals,
    "lld": opensmile.FeatureLevel.LowLevelDescriptors,
}
SHORTEST = SAMPLE_RATE * 60 // 1000
"""Samples in the longest of its frames: it has nothing to say of less."""


class OpenSmileFeatures:
    """Rows of eGeMAPSv02, 88, by openSMILE; an :class:`edge_app.feature_table.layout.FeatureComputer`.

    Args:
        settings: of which level, over which stretches.

    Attributes:
        columns: names of the features, in openSMILE's order.

    Raises:
        ConfigurationError: a window is shorter than a frame.
    """

    features = opensmile.FeatureSet.eGeMAPSv02

    def __init__(self, settings: TableSettings) -> None:
        if settings.window is not None and samples(settings.window) < SHORTEST:
            raise ConfigurationError(
                f"--window is {settings.window:g} s, too short for a frame of these features; give 0.06 or more"
            )
        self._settings = settings
        self._smile = opensmile.Smile(self.features, LEVELS[settings.level])
        self.columns = tuple(self._smile.feature_names)
        self._blocks: list[Floats] = []

    def feed(self, block: Floats) -> None:
        """Keep the samples: openSMILE is given each stretch whole."""
        self._blocks.append(block)

    def finish(self) -> Rows:
        """The rows of the recording."""
        audio = np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.float32)
        self.reset()
        if len(audio) < SHORTEST:
            return self._rows([], [])
        if self._settings.level == "functionals":
            stretches = self._settings.stretches(len(audio))
            return self._rows(stretches, [self._process(audio[start:end]).to_numpy()[0] for start, end in stretches])
        table = self._process(audio)
        starts, ends = (
            [round(time.total_seconds() * SAMPLE_RATE) for time in table.index.get_level_values(side)]
            for side in ("start", "end")
        )
        return self._rows(list(zip(starts, ends, strict=True)), list(table.to_numpy()))

    def reset(self) -> None:
        """Forget what was fed."""
        self._blocks = []

    def _process(self, audio: Floats):
        return self._smile.process_signal(audio, SAMPLE_RATE)

    def _rows(self, stretches: list[tuple[int, int]], values: list[Floats]) -> Rows:
        bounds = np.array(stretches, dtype=np.int64).reshape(-1, 2)
        return Rows(
            bounds[:, 0], bounds[:, 1], np.array(values, dtype=np.float32).reshape(len(bounds), len(self.columns))
        )


class OpenSmileCompare(OpenSmileFeatures):
    """Rows of ComParE_2016, 6373, by openSMILE; what the challenge of 2013 and Leem et al. use."""

    features = opensmile.FeatureSet.ComParE_2016
