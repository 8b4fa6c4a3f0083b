"""Roots of many polynomials at once: against numpy's of each."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.egemaps import roots
from edge_app.core.features.egemaps.roots import roots_above

DEGREE = 11


def above(found: np.ndarray) -> np.ndarray:
    """What lies above the real axis, in order."""
    return np.sort_complex(found[found.imag > 1e-9])


def spread(rng, pairs: int) -> np.ndarray:
    """A polynomial with so many pairs of roots and the rest real, as those of formants lie."""
    angles = np.pi * (np.arange(pairs) + rng.uniform(0.3, 0.7, pairs)) / pairs
    upper = rng.uniform(0.6, 0.9, pairs) * np.exp(1j * angles)
    real = np.linspace(-2.0, 1.0, DEGREE - 2 * pairs) + rng.uniform(0.1, 0.2)
    return np.poly(np.concatenate((upper, upper.conj(), real))).real


def refuse(polynomial: np.ndarray) -> np.ndarray:
    raise AssertionError("eigenvalues were taken")


@pytest.mark.parametrize("pairs", [3, 4, 5])
def test_roots_are_numpys_without_eigenvalues(pairs, rng, monkeypatch):
    polynomials = np.array([spread(rng, pairs) for _ in range(20)])
    monkeypatch.setattr(roots, "eigenvalues", refuse)
    for polynomial, found in zip(polynomials, roots_above(polynomials), strict=True):
        np.testing.assert_allclose(above(found), above(np.roots(polynomial)), rtol=1e-9)


def test_any_polynomials_have_numpys_roots(rng):
    polynomials = np.concatenate(
        (np.ones((300, 1)), rng.normal(size=(300, DEGREE)) * 3.0 ** rng.normal(size=(300, 1))), 1
    )
    for polynomial, found in zip(polynomials, roots_above(polynomials), strict=True):
        np.testing.assert_allclose(above(found), above(np.roots(polynomial)), rtol=1e-8)


def test_a_polynomial_has_the_same_roots_alone_and_among_others(rng):
    polynomials = np.concatenate((np.ones((40, 1)), rng.normal(size=(40, DEGREE))), axis=1)
    together = roots_above(polynomials)
    for number in range(len(polynomials)):
        np.testing.assert_array_equal(roots_above(polynomials[number : number + 1])[0], together[number])


def test_roots_too_near_to_be_told_apart_are_eigenvalues():
    pair = np.array([0.7 * np.exp(1j), 0.7 * np.exp(1.0001j), 0.5 * np.exp(2j)])
    polynomial = np.poly(np.concatenate((pair, pair.conj(), [-1.5, -1, 0.2, 0.5, 0.8]))).real
    (found,) = roots_above(polynomial[None])
    np.testing.assert_array_equal(above(found), above(roots.eigenvalues(polynomial)))
    np.testing.assert_allclose(above(found), np.sort_complex(pair), rtol=1e-6)


def test_without_roots_above_the_axis_none_are_found():
    nothing = np.eye(1, DEGREE + 1)[0]
    real = np.poly(np.linspace(-2, 0.9, DEGREE))
    found = roots_above(np.stack((nothing, real)))
    assert found.shape == (2, DEGREE // 2)
    assert not (found.imag > 0).any()
