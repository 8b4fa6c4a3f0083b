"""Peaks of a contour, and how steeply it rises to them and falls from them.

What the papers leave open is done as openSMILE's eGeMAPSv02 does it, found by comparing numbers: the stretch before the
first peak and that after the last turn count, too; the last of all counts in the mean with its own sign, and not in the
deviation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

PROMINENCE = 0.1
"""A contour turns where it has come further than this part of its range since it turned before."""
HIGHER = 1.05
"""A later peak, no valley lying between, takes the place of one that it exceeds so many times."""


class Slopes(NamedTuple):
    """Slopes per frame: their mean and their deviation about it; zeros where there are none."""

    mean: float
    deviation: float


class Contour(NamedTuple):
    """What a contour does: how many peaks it has, how steeply it rises and falls (falls are positive)."""

    peaks: int
    rising: Slopes
    falling: Slopes


FLAT = Contour(0, Slopes(0.0, 0.0), Slopes(0.0, 0.0))


def extremes(contour: Sequence[float]) -> Iterator[tuple[int, bool]]:
    """Local maxima and minima in order: the place, and whether it is a maximum. A plateau turns where it begins."""
    for place, (before, here, after) in enumerate(zip(contour, contour[1:], contour[2:], strict=False), 1):
        if before < here >= after:
            yield place, True
        elif before > here <= after:
            yield place, False


def turns(contour: Sequence[float]) -> list[tuple[int, bool]]:
    """Where a contour really turns: peaks and valleys by turns, each the place and whether it is a peak.

    A valley comes first only where the contour falls by more than the prominence before its first peak.
    """
    prominence = PROMINENCE * (max(contour) - min(contour))
    found: list[tuple[int, bool]] = []
    low = before = 0
    for place, is_maximum in extremes(contour):
        here = contour[place]
        if not found:
            if not is_maximum:
                low = place if here < contour[low] else low
            elif here - contour[low] > prominence:
                found = [(low, False)] if contour[0] - contour[low] > prominence else []
                found.append((place, True))
        else:
            last, is_peak = found[-1]
            rise = here - contour[last]
            if is_maximum != is_peak:
                if abs(rise) > prominence:
                    found.append((place, is_maximum))
            elif is_maximum:
                if rise > 0 and (here > HIGHER * contour[last] or here - contour[before] > prominence):
                    found[-1] = (place, True)
            elif rise < 0:
                found[-1] = (place, False)
        before = place
    return found


def slopes(within: list[float], last: list[float]) -> Slopes:
    """Mean of slopes, and the root of the mean square distance of those ``within`` from it."""
    count = len(within) + len(last)
    if count == 0:
        return Slopes(0.0, 0.0)
    mean = (sum(within) + sum(last)) / count
    return Slopes(mean, math.sqrt(sum([(slope - mean) ** 2 for slope in within]) / count))


def describe(contour: Sequence[float]) -> Contour:
    """Count the peaks of a contour and measure its slopes."""
    found = turns(contour) if len(contour) > 2 else []
    if not found:
        return FLAT
    rising: list[float] = []
    falling: list[float] = []
    start = 0
    for place, is_peak in found:
        slope = (contour[place] - contour[start]) / (place - start)
        if is_peak:
            rising.append(slope)
        else:
            falling.append(-slope)
        start = place
    rest = [(contour[-1] - contour[start]) / (len(contour) - 1 - start)]
    ends_on_peak = found[-1][1]
    return Contour(
        len(rising),
        slopes(rising, [] if ends_on_peak else rest),
        slopes(falling, rest if ends_on_peak else []),
    )
