"""Chunks by hand: Lin and Busso (Interspeech 2020)."""

import numpy as np
import pytest

from train.chunking import chunk_count, chunk_starts


@pytest.mark.parametrize(
    ("longest", "chunk", "count"), [(11.0, 1.0, 11), (10.2, 1.0, 11), (11.0, 2.0, 6), (0.5, 1.0, 1)]
)
def test_the_number_of_chunks_is_the_longest_utterance_in_chunks_rounded_up(longest, chunk, count):
    assert chunk_count(longest, chunk) == count


def test_chunks_are_evenly_spread_from_beginning_to_end():
    # 5 s at 62 frames a second in 11 chunks of 62 frames: (310 - 62) / 10 = 24.8 frames apart.
    assert chunk_starts(310, 62, 11).tolist() == [0, 25, 50, 74, 99, 124, 149, 174, 198, 223, 248]
    # 11 s exactly: they touch and do not overlap.
    assert chunk_starts(682, 62, 11).tolist() == [62 * n for n in range(11)]


def test_an_utterance_shorter_than_a_chunk_is_the_same_chunk_each_time():
    assert chunk_starts(40, 62, 5).tolist() == [0] * 5
    assert chunk_starts(62, 62, 5).tolist() == [0] * 5


def test_an_utterance_longer_than_all_chunks_still_shows_its_ends():
    starts = chunk_starts(1240, 62, 5)  # 20 s in five chunks: 294.5 frames apart
    assert starts.tolist() == [0, 295, 589, 884, 1178]
    assert (np.diff(starts) > 62).all() and starts[-1] + 62 == 1240


def test_a_single_chunk_lies_in_the_middle():
    assert chunk_starts(102, 62, 1).tolist() == [20]
