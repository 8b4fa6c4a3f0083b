"""Formants as openSMILE has them, against its answers; linear prediction and roots against plain linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.egemaps.formants import FRAME_LENGTH, RATE, FormantFinder, linear_prediction, resonances

SAMPLE_RATE = 16000

# What openSMILE 2.6.0, eGeMAPSv02, answers: F1 to F3 and their bandwidths in hertz.
STEADY = {
    "constant": [(1060.6, 2120.2, 3182.0), (1558.4, 1514.4, 1424.7)],
    "sine 1000": [(1209.9, 2401.3, 3611.7), (1496.7, 1445.5, 1370.5)],
    "cosine 1000": [(1069.0, 2100.6, 3163.6), (1062.3, 959.8, 845.9)],
    "sine 2000": [(899.0, 2031.0, 3187.2), (1012.8, 1287.2, 1432.9)],
    "sine 300": [(1098.8, 2137.4, 3198.5), (1315.0, 1278.8, 1187.5)],
}
IMPULSES = {
    240: [(928.7, 1581.9, 2736.8), (315.0, 825.1, 1336.3)],
    280: [(1327.9, 1675.0, 2810.0), (2089.1, 24.4, 1928.3)],
    319: [(1335.9, 1884.8, 2853.6), (1841.9, 747.6, 1840.8)],
}


@pytest.mark.parametrize("name", STEADY)
def test_steady_sounds_as_opensmile(name):
    kind, *hertz = name.split()
    phase = 2 * np.pi * float(hertz[0] if hertz else 0) * np.arange(FRAME_LENGTH) / SAMPLE_RATE
    frame = 0.5 * np.sin(phase) if kind == "sine" else 0.5 * np.cos(phase)
    np.testing.assert_allclose(np.concatenate(FormantFinder()(frame[None])), STEADY[name], rtol=0, atol=2.0)


@pytest.mark.parametrize("place", IMPULSES)
def test_impulses_as_opensmile(place):
    """Which tell where the frame lies among the zeros, and how much of it is analysed."""
    frame = 0.5 * (np.arange(FRAME_LENGTH) == place)
    np.testing.assert_allclose(np.concatenate(FormantFinder()(frame[None])), IMPULSES[place], rtol=0, atol=0.5)


def test_level_and_sign_do_not_matter(rng):
    frames = rng.standard_normal((20, FRAME_LENGTH))
    for left, right in zip(FormantFinder()(frames), FormantFinder()(-1e-3 * frames), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_silence_has_none():
    frequencies, bandwidths = FormantFinder()(np.zeros((2, FRAME_LENGTH)))
    assert not frequencies.any()
    assert not bandwidths.any()


def test_frames_do_not_depend_on_those_beside_them(rng):
    frames = rng.standard_normal((40, FRAME_LENGTH))
    whole = FormantFinder()(frames)
    for size in (1, 3, 7, 16):
        parts = [FormantFinder()(frames[start : start + size]) for start in range(0, 40, size)]
        for part, expected in zip(zip(*parts, strict=True), whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(part), expected)


def test_linear_prediction_solves_the_normal_equations(rng):
    samples = rng.standard_normal((5, 300))
    correlation = np.stack([(samples[:, : 300 - lag] * samples[:, lag:]).sum(axis=1) for lag in range(9)], axis=1)
    for row, found in zip(correlation, linear_prediction(correlation), strict=True):
        matrix = row[np.abs(np.arange(8)[:, None] - np.arange(8))]
        np.testing.assert_allclose(found, [1.0, *np.linalg.solve(matrix, -row[1:])], rtol=0, atol=1e-12)


def test_resonances_are_the_lowest_roots():
    """Two pairs of roots inside the unit circle, one outside, one too near to the real axis; one root upon it."""
    frequencies, bandwidths = np.array([20.0, 700.0, 1900.0, 3000.0]), np.array([100.0, 300.0, -80.0, 1000.0])
    pairs = np.exp((-bandwidths + 2j * frequencies) * np.pi / RATE)
    polynomial = np.poly([*pairs, *pairs.conj(), -2.6]).real
    found = resonances(np.stack((polynomial, np.eye(1, 10)[0])))
    np.testing.assert_allclose(found[0], [[700, 1900, 3000], [0, 0, 0]], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[1], [[300, 80, 1000], [0, 0, 0]], rtol=0, atol=1e-6)
