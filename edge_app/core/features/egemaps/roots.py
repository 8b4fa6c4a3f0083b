"""Roots of many real polynomials at once.

The eigenvalues of companion matrices are roots, but they are found one matrix after the other. Halley's steps are taken
from all places at once where the polynomials are least on a grid. That nothing is missing is told by counting: the real
axis is crossed at least as often as signs change along it, and what has been found above it is there twice. Only of
polynomials where this is less than the degree are eigenvalues taken.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.pitch import Doubles
from edge_app.core.types import Floats

Complexes: TypeAlias = NDArray[np.complex128]

RADII = np.geomspace(0.25, 1.2, 18)
ANGLES = 40
AXIS = np.geomspace(0.05, 12.0, 64)
"""Places on the real axis, and as many on its other half, between which signs may change."""
STEPS = 3
CONVERGED = 1e-4
"""Greatest last step, relative to a root: what is left is as its third power."""
ON_AXIS = 1e-9
APART = 1e-6
"""Least distance between two roots; of what is nearer it is not known whether it is one."""


def roots_above(polynomials: Doubles) -> Complexes:
    """The roots above the real axis.

    Args:
        polynomials: coefficients from the highest power, which is 1, to the constant, shape (n, degree + 1).

    Returns:
        shape (n, degree // 2); numbers on the real axis stand in the place of what is not there.
    """
    count, degree = len(polynomials), polynomials.shape[1] - 1
    owner, start, crossings = survey(polynomials)
    with np.errstate(all="ignore"):
        root, step = halley(polynomials, owner, start)
        sure = (step < CONVERGED * np.abs(root)) & (root.imag > ON_AXIS)
    owner, root = owner[sure], root[sure]
    number = np.bincount(owner, minlength=count)
    place = np.arange(len(owner)) - (np.cumsum(number) - number)[owner]
    fits = place < degree // 2
    found = np.empty((count, degree // 2), dtype=np.complex128)
    found[:] = -np.arange(degree // 2)
    found[owner[fits], place[fits]] = root[fits]
    found.sort(axis=1)
    complete = (2 * number + crossings == degree) & (np.abs(found[:, 1:] - found[:, :-1]) > APART).all(axis=1)
    for row in (~complete).nonzero()[0].tolist():
        roots = eigenvalues(polynomials[row])
        above = roots[roots.imag > 0]
        found[row] = 0.0
        found[row, : len(above)] = above
    return found


@cache
def grid(degree: int) -> tuple[Complexes, NDArray[np.bool_], Floats]:
    """Where polynomials are looked at.

    Returns:
        points, shape (points,), radius by radius; whether each is one to start from, which those of the least and the
        greatest radius and those below the real axis are not; and powers, shape (degree + 1, 2 * points + 2 *
        len(``AXIS``)): the points' real and imaginary parts, divided by those of the radius that make all radii alike,
        and then those of places on the axis.
    """
    angles = np.pi * (np.arange(-1, ANGLES + 1) + 0.5) / ANGLES
    points = RADII[:, None] * np.exp(1j * angles)
    inner = np.zeros(points.shape, dtype=bool)
    inner[1:-1, 1:-1] = True
    points = points.ravel()
    exponents = np.arange(degree, -1, -1)[:, None]
    powers = points**exponents / np.abs(points) ** (degree / 2)
    axis = np.concatenate((-AXIS[::-1], AXIS))
    return points, inner.ravel(), np.hstack((powers.real, powers.imag, axis**exponents)).astype(np.float32)


def survey(polynomials: Doubles) -> tuple[NDArray[np.intp], Complexes, NDArray[np.intp]]:
    """Look at polynomials on a grid.

    Returns:
        the points where they are less than at their neighbours: whose, in order, and which; and how many times each
        is seen to cross zero on the real axis.
    """
    points, inner, powers = grid(polynomials.shape[1] - 1)
    count, row = len(points), ANGLES + 2
    # One product per polynomial: a single one would round differently for different numbers of them.
    values = np.matmul(polynomials.astype(np.float32)[:, None], powers)[:, 0]
    positive = values[:, 2 * count :] > 0
    crossings = (positive[:, 1:] != positive[:, :-1]).sum(axis=1)
    squares = np.square(values[:, : 2 * count])
    size = squares[:, :count] + squares[:, count:]
    here = size[:, row:-row]
    least = here < size[:, : -2 * row]
    least &= here < size[:, 2 * row :]
    # Across the axis a point's neighbour is its mirror image, and as great.
    least &= here <= size[:, row - 1 : -row - 1]
    least &= here <= size[:, row + 1 : 1 - row]
    least &= inner[row:-row]
    places = np.flatnonzero(least)
    owner = places // least.shape[1]
    return owner, points[row + places - owner * least.shape[1]], crossings


@cache
def derivatives(degree: int) -> Doubles:
    """From a polynomial's coefficients to those of itself, its slope and half its bend, lowest power first.

    Returns:
        shape (3, degree + 1, degree + 1).
    """
    power = np.arange(degree + 1.0)
    itself = np.eye(degree + 1)[::-1]
    slope, bend = np.zeros((2, degree + 1, degree + 1))
    slope[:-1] = power[1:, None] * itself[1:]
    bend[:-2] = (power[2:] * power[1:-1] / 2)[:, None] * itself[2:]
    return np.stack((itself, slope, bend))


def halley(polynomials: Doubles, owner: NDArray[np.intp], start: Complexes) -> tuple[Complexes, Doubles]:
    """Where Halley's steps lead from points, each on the way to a root of its owner, and how long the last is."""
    degree = polynomials.shape[1] - 1
    # Each coefficient twice, for real and imaginary parts.
    coefficients = np.matmul(derivatives(degree), polynomials.T)[:, :, owner.repeat(2)]
    factors, powers = np.empty((2, degree + 1, len(start)), dtype=np.complex128)
    factors[0] = 1.0
    root = start
    for _ in range(STEPS):
        factors[1:] = root
        np.multiply.accumulate(factors, axis=0, out=powers)
        terms = coefficients * powers.view(np.float64)
        value, slope, bend = np.add.reduce(terms, axis=1).view(np.complex128)
        step = value * slope / (slope * slope - value * bend)
        root = root - step
    return root, np.abs(step)


def eigenvalues(polynomial: Doubles) -> Complexes:
    """All roots of one polynomial, shape (degree,), as the eigenvalues of its companion matrix."""
    degree = len(polynomial) - 1
    companion = np.eye(degree, k=-1)
    companion[0] = -polynomial[1:]
    return np.linalg.eigvals(companion).astype(np.complex128)
