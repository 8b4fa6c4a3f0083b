"""The windows of a corpus that were computed already, frames or functionals, as a baseline stage hears them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features import FrameExtractor
from edge_app.core.types import Window
from edge_app.core.windows import WindowSpec
from train import frames, functionals
from train.frames import FrameStore
from train.functionals import FunctionalTable

Material: TypeAlias = FrameStore | FunctionalTable


def material_windows(material: Material, extractor: FrameExtractor) -> Iterator[list[Window]]:
    """The clean windows of each utterance, a quarter of a second apart, as the device would cut them.

    Args:
        material: frames or functionals.
        extractor: what computed them; it says how long frames are.
    """
    owners = material.windows[:, 0] if isinstance(material, FrameStore) else material.owner
    order = np.argsort(owners, kind="stable")
    edges = np.searchsorted(owners[order], np.arange(len(material.utterances) + 1))
    for number in range(len(material.utterances)):
        mine = order[edges[number] : edges[number + 1]]
        if isinstance(material, FrameStore):
            yield _from_frames(material, number, mine[:: functionals.CUT_HOP // frames.CUT_HOP], extractor)
        else:
            yield _from_functionals(material, mine)


def _from_frames(store: FrameStore, number: int, mine: NDArray[np.int64], extractor: FrameExtractor) -> list[Window]:
    last = store.windows[mine, 1]
    features = store.gather(last, np.zeros(len(last), dtype=np.int64))
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
