"""All roots of many polynomials at once.

Aberth, "Iteration methods for finding all zeros of a polynomial simultaneously", Mathematics of Computation 27, 1973.
Many short polynomials cost a fraction of the eigenvalues of their companion matrices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.pitch import Doubles

STEP = 1e-7
"""A step this small is the last: each step leaves about the cube of the error."""

MOST_STEPS = 100
TINY = 1e-300


def roots(polynomials: Doubles, guesses: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Roots of polynomials.

    Args:
        polynomials: real coefficients from the highest power, which is 1, to the constant, shape (n, degree + 1).
        guesses: different places to begin from, not mirrored at the real axis, shape (degree,).

    Returns:
        shape (n, degree), in no order. Those of one polynomial do not depend on the others.
    """
    result = np.repeat(guesses[:, None], len(polynomials), axis=1)
    searched = np.arange(len(polynomials))
    places, coefficients = result.copy(), polynomials.T[1:].copy()
    diagonal = np.arange(len(guesses))
    for _ in range(MOST_STEPS):
        if not len(searched):
            break
        value = places + coefficients[0]
        slope = places + value
        for coefficient in coefficients[1:-1]:
            value = value * places + coefficient
            slope = slope * places + value
        value = value * places + coefficients[-1]
        apart = places - places[:, None]
        square = np.maximum(apart.real**2 + apart.imag**2, TINY)
        square[diagonal, diagonal] = 1.0
        repulsion = (apart.conj() / square).sum(axis=0)
        divisor = slope - value * repulsion
        step = value / np.where(divisor == 0, 1.0, divisor)
        places = places - step
        result[:, searched] = places
        going = (np.abs(step) > STEP).any(axis=0)
        if not going.all():
            searched, places, coefficients = searched[going], places[:, going], coefficients[:, going]
    return result.T
