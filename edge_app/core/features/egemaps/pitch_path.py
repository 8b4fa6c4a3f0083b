"""The cheapest path through candidates for the fundamental frequency: a Viterbi search with bounded look-ahead.

A state is "unvoiced" or one of a frame's candidates. Weak candidates cost more than strong ones, and so do leaps of
pitch, turns from voiced to unvoiced and back, and pitch that a voice rarely has (Eyben, "Real-time Speech and Music
Classification by Large Audio Feature Space Extraction", 2016, names these costs). Their forms and weights are
openSMILE's, found by comparing paths: on speech, the two agree in all but one of ten thousand frames.
"""

from __future__ import annotations

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
    rising = np.where(frequencies > HIGH, VERY_HIGH, (frequencies - high) / (HIGH - high))
    cost: Doubles = np.maximum(np.maximum((low - frequencies) / low, rising), 0.0)
    return cost


class PitchPath:
    """Decides each frame ``LOOK_AHEAD`` frames later, by the path that is cheapest by then."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._silent = 0.0
        # Of the last frame's candidates: what the path to it costs, where it is, what it costs to leave it, and how
        # many times a leap from it counts.
        self._voiced: list[tuple[float, float, float, float]] = []
        self._origins: list[list[int]] = []
        self._frequencies: list[list[float]] = []

    def feed(self, frequencies: Doubles, strengths: Doubles) -> Doubles:
        """Take the candidates of the next frames, as :class:`SubHarmonicSum` gives them, strength 0 for none.

        Returns:
            fundamental frequencies in hertz, 0 where unvoiced, of the frames decided by now, shape (n,).
        """
        exists = strengths > FAINT
        strong = strengths > VOICED_STRENGTH
        own = WEAK * ~strong - DOUBT * np.log(np.where(exists, strengths, 1.0)) + unusual(frequencies)
        places = LEAP * np.log(np.where(exists, frequencies, 1.0))
        rest = WEAK * strong.any(axis=1)
        # They are sorted by strength, so that those that count come first.
        columns = (exists.sum(axis=1), rest, frequencies, places, own)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        decided = [self._step(rest, hertz[:n], place[:n], cost[:n]) for n, rest, hertz, place, cost in rows]
        return np.array(decided[decided.count(None) :], dtype=np.float64)

    def _step(self, rest: float, hertz: list[float], places: list[float], own: list[float]) -> float | None:
        """One frame; state 0 is unvoiced, others are candidates. Written for speed, for it runs once per frame."""
        voiced = self._voiced
        cheapest, origin = self._silent + SILENCE, 0
        for number, (before, *_) in enumerate(voiced, 1):
            if before + TURN < cheapest:
                cheapest, origin = before + TURN, number
        least = silent = cheapest + rest
        state = 0
        origins = [origin]
        reached: list[tuple[float, float, float, float]] = []
        start = self._silent + TURN
        better = places[0] if places else 0.0
        for place, cost in zip(places, own, strict=True):
            cheapest, origin = start, 0
            for number, (before, whence, leave, times) in enumerate(voiced, 1):
                leap = before + leave + times * abs(place - whence)
                if leap < cheapest:
                    cheapest, origin = leap, number
            cheapest += cost
            # From a candidate that is not the best one, the way leads past the one before it in rank.
            reached.append((cheapest, place, abs(place - better), 1.0 if reached else 2.0))
            better = place
            origins.append(origin)
            if cheapest < least:
                least, state = cheapest, len(reached)
        self._silent = silent - least
        self._voiced = [(cost - least, place, leave, times) for cost, place, leave, times in reached]
        self._origins.append(origins)
        self._frequencies.append([0.0, *hertz])
        if len(self._frequencies) <= LOOK_AHEAD:
            return None
        for earlier in self._origins[:0:-1]:
            state = earlier[state]
        del self._origins[0]
        return self._frequencies.pop(0)[state]

    def finish(self) -> Doubles:
        """Fundamental frequencies of the frames that still waited, the audio having ended; forgets all frames."""
        path = []
        costs = [self._silent, *(cost for cost, *_ in self._voiced)]
        state = costs.index(min(costs))
        for origins, hertz in zip(self._origins[::-1], self._frequencies[::-1], strict=True):
            path.append(hertz[state])
            state = origins[state]
        self.reset()
        return np.array(path[::-1], dtype=np.float64)
