"""Products with filter banks, whose columns are zero but for a few rows that lie next to one another."""

from __future__ import annotations

from typing import Generic, Literal

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.framing import Number

LONGER = 4
"""How many times more bins than bands there are where bins had better lie together in memory."""


class FilterBank(Generic[Number]):
    """Takes spectra to bands, in a few small products in the place of one that is mostly zeros.

    What a frame gives does not depend on the frames beside it: each has products of its own, for one of all frames
    would round differently for different numbers of them.

    Args:
        weights: shape (bins, bands); of higher bands, higher bins count, and the more of them.
        parts: how many products; each takes half of the bands that are left.
    """

    def __init__(self, weights: NDArray[Number], parts: int = 2) -> None:
        self._count = weights.shape[1]
        self._parts: list[tuple[slice, slice, NDArray[Number]]] = []
        starts: list[int] = [self._count - (self._count >> number) for number in range(parts)]
        for start, stop in zip(starts, [*starts[1:], self._count], strict=True):
            filled = np.flatnonzero(weights[:, start:stop].any(axis=1))
            bins = slice(int(filled[0]), int(filled[-1]) + 1)
            part = weights[bins, start:stop]
            order: Literal["C", "F"] = "F" if part.shape[0] > LONGER * part.shape[1] else "C"
            self._parts.append((bins, slice(start, stop), np.array(part, order=order)))

    def __call__(self, spectra: NDArray[Number]) -> NDArray[Number]:
        """Sums over bins, weighed, shape (frames, bands), of spectra, shape (frames, bins)."""
        sums = np.empty((len(spectra), self._count), dtype=spectra.dtype)
        for bins, bands, weights in self._parts:
            np.matmul(spectra[:, None, bins], weights, out=sums[:, None, bands])
        return sums
