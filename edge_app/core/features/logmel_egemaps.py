"""The mel spectrum of a window and its eGeMAPS, for models that read both."""

from __future__ import annotations

import numpy as np

from edge_app.core.features.egemaps.extractor import VERSION, Egemaps
from edge_app.core.features.logmel import FLOOR, LogMel
from edge_app.core.features.spec import FeatureSpec
from edge_app.core.types import Floats


class LogMelEgemaps:
    """Streaming log-mel frames every 10 ms, and functionals of eGeMAPS of the window that they lie in.

    Both parts are those of :class:`LogMel` and :class:`Egemaps`. A row that :meth:`summarise` returns holds the bands
    of one frame and then the functionals, which are the same in all rows of a window: so one mean and one deviation for
    each column standardise both.

    Args:
        bands: number of mel bands.
        frame_length: samples in a log-mel frame.
        version: version of eGeMAPS.
        formants: whether there are functionals that need formants. Linear models that had all 88 knew corpora they had
            not met less well than those that had the other 68: docs/experiments.md.

    Attributes:
        bands: number of mel bands.

    Raises:
        ValueError: this program computes another version.
    """

    kind = "logmel+egemaps"

    def __init__(
        self, bands: int = 64, frame_length: int = 512, version: int = VERSION, formants: bool = False
    ) -> None:
        self._egemaps = Egemaps(version, formants)
        parameters = {"bands": bands, "frame_length": frame_length, "version": version, "formants": formants}
        self.spec = FeatureSpec(self.kind, parameters)
        self.frame_hop = self._egemaps.frame_hop
        self.frame_length = self._egemaps.frame_length
        self._logmel = LogMel(bands, frame_length, self.frame_hop)
        self.bands = bands
        self.dimension = bands + self._egemaps.dimension
        self.size = bands + self._egemaps.size
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample fed starts the first frame."""
        self._egemaps.reset()
        self._logmel.reset()
        self._waiting: Floats = np.zeros((0, self.bands), dtype=np.float32)

    def feed(self, samples: Floats) -> Floats:
        """Take samples, shape (n,), and return the frames they complete, shape (frames, dimension)."""
        self._waiting = np.concatenate((self._waiting, self._logmel.feed(samples)))
        return self._joined(self._egemaps.feed(samples))

    def finish(self) -> Floats:
        """The frames still waiting, (n, dimension); where the spectrum's frames end first, its last is repeated."""
        descriptors = self._egemaps.finish()
        missing = len(descriptors) - len(self._waiting)
        if missing > 0:
            last = self._waiting[-1:] if len(self._waiting) else np.full((1, self.bands), FLOOR)
            self._waiting = np.concatenate((self._waiting, np.repeat(last, missing, axis=0)))
        return self._joined(descriptors)

    def summarise(self, frames: Floats, count: int) -> Floats:
        """Bands of each frame and functionals of them all, shape (count, size)."""
        rows = np.empty((count, self.size), dtype=np.float32)
        rows[:, : self.bands] = self._logmel.summarise(frames[:, : self.bands], count)
        rows[:, self.bands :] = self._egemaps.summarise(frames[:, self.bands :], count)
        return rows

    def _joined(self, descriptors: Floats) -> Floats:
        bands, self._waiting = self._waiting[: len(descriptors)], self._waiting[len(descriptors) :]
        return np.concatenate((bands, descriptors), axis=1)
