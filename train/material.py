"""The windows of a corpus that were computed already, frames or functionals, as a baseline stage hears them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features import FrameExtractor
from edge_app.core.types import Window
from edge_app.core.windows import WindowSpec
from train import functionals
from train.frames import FrameStore
from train.functionals import FunctionalTable

Material: TypeAlias = FrameStore | FunctionalTable


class CutWindows:
    """The clean windows of any utterance, a quarter of a second apart, as the device would cut them.

    Args:
        material: frames or functionals.
        extractor: what computed them; it says how long frames are.
    """

    def __init__(self, material: Material, extractor: FrameExtractor) -> None:
        self._material = material
        self._extractor = extractor
        owners = material.windows[:, 0] if isinstance(material, FrameStore) else material.owner
        self._order = np.argsort(owners, kind="stable")
        self._edges = np.searchsorted(owners[self._order], np.arange(len(material.utterances) + 1))

    def of(self, number: int) -> list[Window]:
        """The windows of an utterance by its number."""
        mine = self._order[self._edges[number] : self._edges[number + 1]]
        if isinstance(self._material, FrameStore):
            return _from_frames(self._material, number, mine[:: self._material.per_hop], self._extractor)
        return _from_functionals(self._material, mine)

    def __iter__(self) -> Iterator[list[Window]]:
        return map(self.of, range(len(self._material.utterances)))


def _from_frames(store: FrameStore, number: int, mine: NDArray[np.int64], extractor: FrameExtractor) -> list[Window]:
    last = store.windows[mine, 1]
    features = store.clean(last)
    ends = (last - store.offsets[number]) * extractor.frame_hop + extractor.frame_length
    return [
        Window(each, max(int(end) - WindowSpec().length, 0), int(end), float(speech))
        for each, end, speech in zip(features, ends, store.speech[mine], strict=True)
    ]


def _from_functionals(table: FunctionalTable, mine: NDArray[np.int64]) -> list[Window]:
    """A table knows no times: its windows lie a hop apart, the last one perhaps a little less."""
    spec = WindowSpec(hop=functionals.CUT_HOP)
    return [
        Window(table.values[0, row], at * spec.hop, at * spec.hop + spec.length, float(table.speech[row]))
        for at, row in enumerate(mine)
    ]
