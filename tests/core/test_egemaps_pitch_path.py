"""Candidates of pitch and the cheapest path through them: against scipy, by hand, and among all paths there are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from edge_app.core.features.egemaps import pitch_path
from edge_app.core.features.egemaps.pitch import (
    CANDIDATES,
    TAPS,
    SubHarmonicSum,
    keep_peaks,
    natural_spline,
    octave_scale,
)
from edge_app.core.features.egemaps.pitch_path import PitchPath, unusual

BINS = 513
HERTZ_PER_BIN = 8000 / (BINS - 1)


def test_the_spline_is_scipys(rng):
    knots = np.cumsum(rng.uniform(0.1, 2, 30))
    values = rng.normal(size=30)
    points = rng.uniform(knots[0], knots[-1], 200)
    expected = CubicSpline(knots, values, bc_type="natural")(points)
    np.testing.assert_allclose(natural_spline(knots, points) @ values, expected, atol=1e-12)


def test_few_taps_lose_little_of_the_spline(rng):
    first, weights = octave_scale(BINS)
    spectrum = rng.uniform(0, 1, BINS)
    smooth = np.convolve(np.concatenate(([0], spectrum, [0])), [0.25, 0.5, 0.25], "valid")
    smooth[-1] = spectrum[-1]
    hertz = np.arange(1, BINS) * HERTZ_PER_BIN
    knots = np.log2(np.concatenate((hertz[:1] / 2, hertz)))
    points = np.linspace(np.log2(25), np.log2(8000), BINS)
    ear = 0.5 + np.arctan(3 * (points - np.log2(31.8))) / np.pi
    expected = ear * CubicSpline(knots, smooth, bc_type="natural")(points)
    found = (weights * spectrum[first[:, None] + np.arange(TAPS)]).sum(axis=1)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_peaks_are_kept_by_hand():
    spectrum = np.array([1, 2, 3, 9, 3, 2, 1, 0.5, 0.6, 0.7, 8, 0.7, 0.6, 0.5, 0.4], dtype=np.float32)
    kept = [1, 2, 3, 9, 3, 2, 0, 0, 0.6, 0.7, 8, 0.7, 0.6, 0, 0]
    np.testing.assert_array_equal(keep_peaks(spectrum[None])[0], np.float32(kept))
    np.testing.assert_array_equal(keep_peaks(np.ones((2, 9), dtype=np.float32)), np.ones((2, 9)))
    falling = np.array([5, 4, 3, 2, 1, 2, 3, 1, 1, 1], dtype=np.float32)
    np.testing.assert_array_equal(keep_peaks(falling[None])[0], np.float32([5, 4, 3, 0, 1, 2, 3, 1, 1, 0]))


@pytest.mark.parametrize("hertz", [60, 110.5, 204, 411, 930])
def test_a_harmonic_series_is_the_best_candidate(hertz):
    spectrum = np.zeros(BINS, dtype=np.float32)
    bins = np.arange(BINS)
    for harmonic in range(1, int(8000 / hertz) + 1):
        spectrum += np.exp(-0.5 * ((bins - harmonic * hertz / HERTZ_PER_BIN) / 0.9) ** 2) / harmonic
    frequencies, strengths = SubHarmonicSum(BINS)(spectrum[None])
    assert abs(12 * np.log2(frequencies[0, 0] / hertz)) < 0.3
    assert strengths[0, 0] > 0.7
    found = strengths[0] > 0
    assert np.all(np.diff(strengths[0][found]) <= 0)
    assert np.all((frequencies[0][found] >= 55) & (frequencies[0][found] <= 1000))


def test_silence_has_no_candidates():
    frequencies, strengths = SubHarmonicSum(BINS)(np.zeros((2, BINS), dtype=np.float32))
    assert not frequencies.any() and not strengths.any()


def test_pitch_costs_for_itself_by_hand():
    found = unusual(np.array([55.0, 100, 200, 350, 475, 600, 601, 1000]))
    np.testing.assert_allclose(found, [0.45, 0, 0, 0, 0.5, 1, 1.2, 1.2])


def cost_of(path: tuple[int, ...], frequencies: np.ndarray, strengths: np.ndarray) -> float:
    """What a path costs, from the definition: states are 0 for unvoiced and 1 to ``CANDIDATES``."""
    total, last, before = 0.0, 0, None
    for state, hertz, strength in zip(path, frequencies, strengths, strict=True):
        if state:
            if strength[state - 1] <= 0.4:
                return np.inf
            total += 8 * (strength[state - 1] <= 0.7) - 2 * np.log(strength[state - 1])
            total += unusual(hertz[state - 1 : state])[0]
        else:
            total += 8 * bool((strength > 0.7).any())
        if bool(state) != bool(last):
            total += 10
        elif not state:
            total += 1
        else:
            leap = abs(np.log(hertz[state - 1] / before[last - 1]))
            aside = leap if last == 1 else abs(np.log(before[last - 1] / before[last - 2]))
            total += 10 * (leap + aside)
        last, before = state, hertz
    return total


@pytest.mark.parametrize("seed", range(20))
def test_the_path_is_the_cheapest_of_all(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    frames, count = 6, 3
    frequencies, strengths = np.zeros((2, frames, CANDIDATES))
    frequencies[:, :count] = rng.uniform(60, 400, (frames, count))
    strengths[:, :count] = np.sort(rng.uniform(0.5, 0.9, (frames, count)))[:, ::-1]
    monkeypatch.setattr(pitch_path, "LOOK_AHEAD", frames)
    path = PitchPath()
    assert len(path.feed(frequencies, strengths)) == 0
    found = path.finish()
    every = product(range(count + 1), repeat=frames)
    best = min(every, key=lambda states: cost_of(states, frequencies, strengths))
    expected = [hertz[state - 1] if state else 0.0 for state, hertz in zip(best, frequencies, strict=True)]
    np.testing.assert_allclose(found, expected)
