"""The cheapest path through candidates for the fundamental frequency: a Viterbi search with bounded look-ahead.

A state is "unvoiced" or one of a frame's candidates. Weak candidates cost more than strong ones, and so do leaps of
pitch, turns from voiced to unvoiced and back, and pitch that a voice rarely has (Eyben, "Real-time Speech and Music
Classification by Large Audio Feature Space Extraction", 2016, names these costs). Their forms and weights are
openSMILE's, found by comparing paths: on speech, the two agree in all but one of ten thousand frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import numpy as np

from edge_app.core.features.egemaps.pitch import Doubles

VOICED_STRENGTH = 0.7
LOOK_AHEAD = 6
FAINT = 0.4
"""Candidates that are not stronger are left out."""

DOUBT = 2.0
"""Cost of a candidate, times the negative logarithm of its strength."""
WEAK = 8.0
"""Cost of a candidate that is not stronger than ``VOICED_STRENGTH``, and of silence where one is."""
TURN = 10.0
SILENCE = 1.0
"""Cost of staying unvoiced."""
LEAP = 10.0
"""Cost of a leap of pitch by a factor of e; from a frame's best candidate it counts twice."""
USUAL = 100.0, 350.0
"""Hertz between which pitch costs nothing for itself."""
HIGH = 600.0
VERY_HIGH = 1.2


def unusual(frequencies: Doubles) -> Doubles:
    """Cost of a pitch for itself: grows from the usual range to both sides, to a fixed one above 600 Hz."""
    low, high = USUAL
    cost: Doubles = (frequencies - high) / (HIGH - high)
    cost[frequencies > HIGH] = VERY_HIGH
    np.maximum(cost, (low - frequencies) / low, out=cost)
    return np.maximum(cost, 0.0, out=cost)


class PitchPath:
    """Decides each frame ``LOOK_AHEAD`` frames later, by the path that is cheapest by then."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._silent = 0.0
        # What the cheapest path to a candidate of the last frame costs, and to which: 0 is none.
        self._best = math.inf, 0
        # Ways on from the last frame's candidates, the cheapest first: what the path to its end costs, the candidate,
        # where that is, and how many times a leap from there counts.
        self._ways: list[tuple[float, int, float, float]] = []
        self._origins: list[list[int]] = []
        self._frequencies: list[list[float]] = []

    def feed(self, frequencies: Doubles, strengths: Doubles) -> Doubles:
        """Take the candidates of the next frames, as :class:`SubHarmonicSum` gives them, strength 0 for none.

        Returns:
            fundamental frequencies in hertz, 0 where unvoiced, of the frames decided by now, shape (n,).
        """
        exists = strengths > FAINT
        hertz, strength = frequencies[exists], strengths[exists]
        own = WEAK * (strength <= VOICED_STRENGTH) - DOUBT * np.log(strength) + unusual(hertz)
        candidates = zip(hertz.tolist(), (LEAP * np.log(hertz)).tolist(), own.tolist(), strict=True)
        counts = exists.sum(axis=1).tolist()
        rests = (WEAK * (strengths.max(axis=1) > VOICED_STRENGTH)).tolist()
        decided = [self._step(rest, islice(candidates, count)) for count, rest in zip(counts, rests, strict=True)]
        return np.array(decided[decided.count(None) :], dtype=np.float64)

    def _step(self, rest: float, candidates: Iterable[tuple[float, float, float]]) -> float | None:
        """One frame; state 0 is unvoiced, others are candidates. Written for speed, for it runs once per frame."""
        before, number = self._best
        silent = self._silent
        start = silent + TURN
        silent += SILENCE
        origin = 0
        if before + TURN < silent:
            silent, origin = before + TURN, number
        least = silent = silent + rest
        state = 0
        origins = [origin]
        frequencies = [0.0]
        costs = []
        places = []
        ways = self._ways
        for hertz, place, cost in candidates:
            cheapest, origin = start, 0
            for before, number, whence, times in ways:
                if before >= cheapest:
                    break
                leap = before + times * abs(place - whence)
                if leap < cheapest:
                    cheapest, origin = leap, number
            costs.append(cheapest + cost)
            places.append(place)
            origins.append(origin)
            frequencies.append(hertz)
        if costs:
            lowest = min(costs)
            number = costs.index(lowest) + 1
            if lowest < least:
                least, state = lowest, number
            self._best = lowest - least, number
            self._ways = ways_on(costs, places, least, silent - least + TURN)
        else:
            self._best, self._ways = (math.inf, 0), []
        self._silent = silent - least
        self._origins.append(origins)
        self._frequencies.append(frequencies)
        if len(self._frequencies) <= LOOK_AHEAD:
            return None
        for earlier in self._origins[:0:-1]:
            state = earlier[state]
        del self._origins[0]
        return self._frequencies.pop(0)[state]

    def finish(self) -> Doubles:
        """Fundamental frequencies of the frames that still waited, the audio having ended; forgets all frames."""
        path = []
        cost, number = self._best
        state = number if cost < self._silent else 0
        for origins, hertz in zip(self._origins[::-1], self._frequencies[::-1], strict=True):
            path.append(hertz[state])
            state = origins[state]
        self.reset()
        return np.array(path[::-1], dtype=np.float64)


def ways_on(
    costs: list[float], places: list[float], least: float, limit: float
) -> list[tuple[float, int, float, float]]:
    """Ways on from a frame's candidates, the cheapest first; costs are told above the least.

    Those are left out that cost as much as one from silence, the limit.
    """
    ways = []
    better, times = places[0], 2.0
    for number, (cost, place) in enumerate(zip(costs, places, strict=True), 1):
        # From a candidate that is not the best one, the way leads past the one before it in rank.
        before = cost - least + abs(place - better)
        if before < limit:
            ways.append((before, number, place, times))
        better, times = place, 1.0
    ways.sort()
    return ways
