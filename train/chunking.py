"""Utterances of any length as a fixed number of chunks (Lin and Busso, Interspeech 2020).

With chunks of ``w_c`` seconds and utterances of up to ``T_max``, every utterance becomes ``C = ceil(T_max / w_c)``
chunks, the first at its beginning and the last at its end, ``(T - w_c) / (C - 1)`` seconds apart: the shorter the
utterance, the more they overlap. Two cases lie outside of the paper:

- shorter than a chunk: all chunks are the same one, filled by repeating the utterance;
- longer than C chunks: the rule holds, so chunks no longer touch. They still see beginning, middle and end.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def chunk_count(longest: float, chunk: float) -> int:
    """C, the number of chunks of every utterance.

    Args:
        longest: T_max, in the unit of ``chunk``.
        chunk: w_c.
    """
    return math.ceil(longest / chunk)


def chunk_starts(length: int, chunk: int, count: int) -> NDArray[np.int64]:
    """Where the chunks of an utterance begin, shape (count,), ascending, rounded to whole frames.

    Args:
        length: frames of the utterance.
        chunk: frames of a chunk.
        count: C; a single chunk lies in the middle.
    """
    spare = max(length - chunk, 0)
    places = np.linspace(0, spare, count) if count > 1 else np.array([spare / 2])
    return np.floor(places + 0.5).astype(np.int64)
