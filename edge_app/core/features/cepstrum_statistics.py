"""Many functionals of a window: statistics of its mel cepstrum and of the descriptors of eGeMAPS.

Large sets of functionals tell the emotions of a corpus better than small ones (Schuller et al., "The INTERSPEECH 2013
Computational Paralinguistics Challenge", whose ComParE set has 6,373). These are 887, a few statistics of each of many
contours. On corpora that a model never met small sets do better: docs/experiments.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.extractor import VERSION
from edge_app.core.features.egemaps.names import BY_FORMANTS, DESCRIPTORS, WITHOUT_FORMANTS
from edge_app.core.features.logmel_egemaps import LogMelEgemaps
from edge_app.core.features.spec import FeatureSpec
from edge_app.core.types import Floats

Doubles = NDArray[np.float64]

COEFFICIENTS = 24
PERCENTILES = 5, 20, 50, 80, 95
STATISTICS = (
    "amean", "stddev", *(f"percentile{share}" for share in PERCENTILES),
    "slope", "meanAbsChange", "meanRise", "skewness", "kurtosis", "peakRate",
)  # fmt: skip
"""What is told of each contour, in this order."""

WITHOUT = tuple(name for name in DESCRIPTORS if not name.startswith(BY_FORMANTS))
CONTOURS = (
    *(f"{part}{number}" for part in ("cepstrum", "cepstrumDelta") for number in range(COEFFICIENTS)),
    *(name.partition("_sma3")[0] for name in WITHOUT),
)
FUNCTIONALS = (*(f"{name}_{part}" for part in STATISTICS for name in CONTOURS), *WITHOUT_FORMANTS)
"""The 887 functionals of a window."""

STEADIEST = 1e-6
"""Least deviation that a contour is divided by."""


class CepstrumStatistics(LogMelEgemaps):
    """Frames as those of :class:`LogMelEgemaps`, summarised as functionals.

    The contours are, every 10 ms, ``COEFFICIENTS`` mel-cepstral coefficients of the spectrum averaged over three
    frames, their slopes over five frames, and the descriptors of eGeMAPS that need no formants. A row holds the first
    of ``STATISTICS`` of all contours, then the second, and so on, then the 68 functionals of eGeMAPS: ``FUNCTIONALS``.

    Args:
        bands: number of mel bands.
        frame_length: samples in a log-mel frame.
        version: version of eGeMAPS.

    Raises:
        ValueError: this program computes another version of eGeMAPS.
    """

    kind = "cepstrum-statistics"

    def __init__(self, bands: int = 64, frame_length: int = 512, version: int = VERSION) -> None:
        super().__init__(bands, frame_length, version)
        self.spec = FeatureSpec(self.kind, {"bands": bands, "frame_length": frame_length, "version": version})
        order = np.arange(COEFFICIENTS)[:, None]
        self._cosines = np.sqrt(2 / bands) * np.cos(np.pi * order * (np.arange(bands) + 0.5) / bands).T
        self._described = [bands + DESCRIPTORS.index(name) for name in WITHOUT]
        self.size = len(FUNCTIONALS)

    def summarise(self, frames: Floats, count: int) -> Floats:
        """The functionals of the frames there are, shape (size,)."""
        exact = frames.astype(np.float64)
        cepstrum = averaged(exact[:, : self.bands]) @ self._cosines
        contours = np.concatenate((cepstrum, slopes(cepstrum), exact[:, self._described]), axis=1)
        described = self._egemaps.summarise(frames[:, self.bands :], count)
        return np.concatenate((statistics(contours).ravel(), described)).astype(np.float32)


def averaged(contours: Doubles) -> Doubles:
    """Each frame's mean with the two beside it, shape (frames, contours); the edge frames are repeated."""
    padded = np.pad(contours, ((1, 1), (0, 0)), mode="edge")
    mean: Doubles = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return mean


def slopes(contours: Doubles) -> Doubles:
    """Slope per frame of the line of least squares through five frames, shape (frames, contours), edges repeated."""
    padded = np.pad(contours, ((2, 2), (0, 0)), mode="edge")
    slope: Doubles = (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10
    return slope


def statistics(contours: Doubles) -> Doubles:
    """``STATISTICS`` of contours, shape (frames, contours): shape (statistics, contours).

    The slope is that of the line of least squares from the first frame, at -1, to the last, at 1. Skewness and
    kurtosis are those of the population (that of a Gaussian is 3). A peak is a frame above both beside it; their rate
    is told per frame. What needs more frames than there are is 0.
    """
    count = len(contours)
    mean, deviation = contours.mean(axis=0), contours.std(axis=0)
    normal = (contours - mean) / np.maximum(deviation, STEADIEST)
    time = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    power = max(float(time @ time), 1.0)
    change = np.diff(contours, axis=0)
    steps = max(count - 1, 1)
    peaks = (contours[1:-1] > contours[:-2]) & (contours[1:-1] > contours[2:])
    return np.stack(
        (
            mean,
            deviation,
            *np.percentile(contours, PERCENTILES, axis=0),
            time @ contours / power,
            np.abs(change).sum(axis=0) / steps,
            np.maximum(change, 0).sum(axis=0) / steps,
            (normal**3).mean(axis=0),
            (normal**4).mean(axis=0),
            peaks.sum(axis=0) / count,
        )
    )
