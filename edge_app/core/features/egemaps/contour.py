"""Peaks of a contour, and how steeply it rises to them and falls from them.

What the papers leave open is done as openSMILE's eGeMAPSv02 does it, found by comparing numbers: the stretch before the
first peak and that after the last count, too; the last of all counts in the mean with its own sign, and not in the
deviation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PROMINENCE = 0.1
"""A peak stands out from the valleys beside it by more than this part of the contour's range."""


class Slopes(NamedTuple):
    """Slopes per frame: their mean and their deviation about it; zeros where there are none."""

    mean: float
    deviation: float


class Contour(NamedTuple):
    """What a contour does: how many peaks it has, how steeply it rises and falls (falls are positive)."""

    peaks: int
    rising: Slopes
    falling: Slopes


def turning_points(values: NDArray[np.float64]) -> list[tuple[int, bool]]:
    """Where a contour turns, in order: the place, and whether it is a maximum. A plateau turns where it begins."""
    change = np.diff(values)
    maxima = (change[:-1] > 0) & (change[1:] <= 0)
    minima = (change[:-1] < 0) & (change[1:] >= 0)
    places = np.flatnonzero(maxima | minima)
    return list(zip((places + 1).tolist(), maxima[places].tolist(), strict=True))


def peaks_and_valleys(values: NDArray[np.float64]) -> tuple[list[int], list[int], int | None]:
    """The peaks of a contour, and the lowest places around them.

    Returns:
        The places of the peaks; as many valleys, each the lowest place before its peak and after the peak before (the
        start of the contour before the first peak, unless it falls by more than the prominence first); and the lowest
        turning point after the last peak, or None where the contour only falls.
    """
    prominence = PROMINENCE * float(np.ptp(values))
    contour = values.tolist()
    peaks: list[int] = []
    valleys: list[int] = []
    low: int | None = 0
    for place, is_maximum in turning_points(values):
        if not is_maximum:
            if low is None or contour[place] < contour[low]:
                low = place
        elif not peaks:
            if low is not None and contour[place] - contour[low] > prominence:
                valleys.append(low if contour[0] - contour[low] > prominence else 0)
                peaks.append(place)
                low = None
        elif low is not None and min(contour[peaks[-1]], contour[place]) - contour[low] > prominence:
            valleys.append(low)
            peaks.append(place)
            low = None
        elif contour[place] > contour[peaks[-1]]:
            peaks[-1] = place
            low = None
    return peaks, valleys, low


def slopes(within: list[float], last: list[float]) -> Slopes:
    """Mean of slopes, and the root of the mean square distance of those ``within`` from it."""
    count = len(within) + len(last)
    if count == 0:
        return Slopes(0.0, 0.0)
    mean = (sum(within) + sum(last)) / count
    return Slopes(mean, (sum((slope - mean) ** 2 for slope in within) / count) ** 0.5)


def describe(values: NDArray[np.float64]) -> Contour:
    """Count the peaks of a contour, shape (n,), and measure its slopes."""
    flat = Slopes(0.0, 0.0)
    if len(values) < 3:
        return Contour(0, flat, flat)
    peaks, valleys, last_valley = peaks_and_valleys(values)
    if not peaks:
        return Contour(0, flat, flat)

    def slope(first: int, last: int) -> float:
        return float(values[last] - values[first]) / (last - first)

    end = len(values) - 1
    rising = [slope(valley, peak) for valley, peak in zip(valleys, peaks, strict=True)]
    falling = [-slope(peak, valley) for peak, valley in zip(peaks[:-1], valleys[1:], strict=True)]
    if valleys[0] > 0:
        falling.insert(0, -slope(0, valleys[0]))
    if last_valley is None:
        return Contour(len(peaks), slopes(rising, []), slopes(falling, [slope(peaks[-1], end)]))
    falling.append(-slope(peaks[-1], last_valley))
    return Contour(len(peaks), slopes(rising, [slope(last_valley, end)]), slopes(falling, []))
