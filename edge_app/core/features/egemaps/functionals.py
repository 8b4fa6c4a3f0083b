"""The 88 functionals of eGeMAPS (Eyben et al., IEEE Transactions on Affective Computing 7(2), 2016) over any frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.contour import describe
from edge_app.core.features.egemaps.names import (
    ANALYSED_COLUMN,
    BY_VOICING_COLUMN,
    FLUX_COLUMN,
    LOUDNESS_COLUMN,
    PITCH_COLUMN,
    POWER_COLUMN,
)
from edge_app.core.types import Floats

Doubles = NDArray[np.float64]

FRAMES_PER_SECOND = 100
SHORTEST_SEGMENT = 3
"""Frames of the shortest stretch, voiced or unvoiced, that counts as a segment."""
PERCENTILES = 0.2, 0.5, 0.8
SILENCE = 1e-12
"""Mean square of what is silent: -120 dB."""
STEADIEST_MEAN = 1e-4
"""Least mean, in deviations, by which a deviation is divided: the quotient stays within ten thousand."""
TINY = float(np.finfo(np.float32).tiny)


def _span(first: int, count: int) -> list[int]:
    return list(range(first, first + count))


PITCH_AND_LOUDNESS = [PITCH_COLUMN, LOUDNESS_COLUMN]
OVERALL = _span(FLUX_COLUMN, 5)
VOICE = _span(PITCH_COLUMN + 1, 14)
VOICED = _span(BY_VOICING_COLUMN, 9)
UNVOICED = _span(BY_VOICING_COLUMN, 5)
COLUMNS = np.array([*PITCH_AND_LOUDNESS, *OVERALL, *VOICE, *VOICED, *UNVOICED])
"""The columns of which moments are taken, in the order of the functionals."""


def moments(values: Doubles, counted: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """Mean of each row over the frames that count in it, and deviation over mean; zeros where none counts."""
    weights = counted.astype(np.float64)
    count = np.maximum(weights.sum(axis=1), 1.0)
    mean = np.vecdot(values, weights) / count
    distance = (values - mean[:, None]) * weights
    deviation = np.sqrt(np.vecdot(distance, distance) / count)
    smallest = np.maximum(STEADIEST_MEAN * deviation, TINY)
    return mean, deviation / np.copysign(np.maximum(np.abs(mean), smallest), mean)


def percentiles(contour: Sequence[float]) -> list[float]:
    """The 20th, 50th and 80th percentile, linear between values; zeros where there are none."""
    last = len(contour) - 1
    if last < 0:
        return [0.0] * len(PERCENTILES)
    ordered = sorted(contour)
    found = []
    for percentile in PERCENTILES:
        place = percentile * last
        below = int(place)
        low, high = ordered[below], ordered[min(below + 1, last)]
        found.append(low + (place - below) * (high - low))
    return found


def of_contour(contour: list[float]) -> tuple[list[float], int]:
    """The eight percentiles, range of these and slopes per second of a contour, and the number of its peaks."""
    levels = percentiles(contour)
    peaks, *slopes = describe(contour)
    steepness = [FRAMES_PER_SECOND * slope for both in slopes for slope in both]
    return [*levels, levels[-1] - levels[0], *steepness], peaks


def of_segments(frames: list[int]) -> tuple[int, float, float]:
    """How many of some stretches are segments, and mean and deviation of the seconds from first to last frame."""
    lengths = [(count - 1) / FRAMES_PER_SECOND for count in frames if count >= SHORTEST_SEGMENT]
    if not lengths:
        return 0, 0.0, 0.0
    mean = sum(lengths) / len(lengths)
    return len(lengths), mean, (sum((length - mean) ** 2 for length in lengths) / len(lengths)) ** 0.5


def temporal(voiced: NDArray[np.bool_]) -> list[float]:
    """Voiced segments per second, mean and deviation of their length, and both of that of unvoiced ones."""
    if len(voiced) == 0:
        return [0.0] * 5
    bridged = voiced.copy()
    bridged[1:-1] |= voiced[:-2] & voiced[2:]  # one unvoiced frame does not end a segment
    (turns,) = (bridged[1:] != bridged[:-1]).nonzero()
    bounds = [0, *(turns + 1).tolist(), len(bridged)]
    stretches = [end - start for start, end in pairwise(bounds)]
    first = int(not bridged[0])
    count, *of_voiced = of_segments(stretches[first::2])
    _, *of_unvoiced = of_segments(stretches[1 - first :: 2])
    return [count * FRAMES_PER_SECOND / len(voiced), *of_voiced, *of_unvoiced]


def functionals(frames: Floats) -> Floats:
    """Describe a stretch of audio by the 88 functionals.

    Args:
        frames: descriptors as :class:`edge_app.core.features.egemaps.Egemaps` yields them, shape (n, dimension), n at
            least 1.

    Returns:
        float32, shape (88,), in the order of ``FUNCTIONALS``; finite. What is measured over frames of which there
        are none is 0.
    """
    exact = np.ascontiguousarray(frames.T, dtype=np.float64)
    analysed = exact[ANALYSED_COLUMN] > 0
    voiced = exact[PITCH_COLUMN] > 0
    values = exact[COLUMNS]
    counted = values != 0
    counted[1 : 2 + len(OVERALL)] = True
    counted[-len(VOICED + UNVOICED) : -len(UNVOICED)] = voiced
    counted[-len(UNVOICED) :] = analysed & ~voiced
    mean, deviation = moments(values, counted)
    both = np.array((mean, deviation)).T.ravel().tolist()
    pitch, _ = of_contour(exact[PITCH_COLUMN, voiced].tolist())
    loudness, peaks = of_contour(exact[LOUDNESS_COLUMN].tolist())
    level = 10.0 * math.log10(max(float(exact[POWER_COLUMN].sum()) / len(frames), SILENCE))
    rest = 2 * len(PITCH_AND_LOUDNESS)
    return np.array(
        [
            *both[:2], *pitch, *both[2:rest], *loudness, *both[rest : -2 * len(UNVOICED)],
            *both[-2 * len(UNVOICED) :: 2], peaks * FRAMES_PER_SECOND / len(frames), *temporal(voiced[analysed]), level,
        ],
        dtype=np.float32,
    )  # fmt: skip
