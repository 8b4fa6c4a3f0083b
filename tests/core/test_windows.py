from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.windows import FrameHistory, WindowSpec
from edge_app.errors import ConfigurationError


def frames(first: int, count: int) -> np.ndarray:
    """Frames whose values are their numbers."""
    return np.repeat(np.arange(first, first + count, dtype=np.float32)[:, None], 3, axis=1)


def test_the_newest_frames_are_kept_however_they_arrive(rng: np.random.Generator) -> None:
    history = FrameHistory(61, 3)
    for _ in range(300):
        count = int(rng.integers(0, 40))
        history.append(frames(history.count, count))
        first = max(0, history.count - 61)
        np.testing.assert_array_equal(history.between(first, history.count), frames(first, history.count - first))


def test_more_frames_than_the_capacity_at_once_leave_the_last_ones() -> None:
    history = FrameHistory(10, 3)
    history.append(frames(0, 7))
    history.append(frames(7, 95))
    assert history.count == 102
    np.testing.assert_array_equal(history.between(92, 102), frames(92, 10))


def test_frames_are_copies() -> None:
    history = FrameHistory(4, 3)
    history.append(frames(0, 4))
    taken = history.between(0, 4)
    taken[:] = -1
    np.testing.assert_array_equal(history.between(0, 4), frames(0, 4))


def test_clear_starts_from_frame_zero() -> None:
    history = FrameHistory(4, 3)
    history.append(frames(0, 4))
    history.clear()
    assert history.count == 0
    assert history.between(0, 4).shape == (0, 3)


@pytest.mark.parametrize("hop", [0, 1599, 16_001])
def test_a_hop_outside_its_range_is_refused_with_its_value(hop: int) -> None:
    with pytest.raises(ConfigurationError, match=r"hop is .* choose between 0\.1 and 1\.0 s"):
        WindowSpec(hop=hop)


def test_a_window_shorter_than_its_hop_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"window of 0\.5 s is shorter than the hop of 1 s"):
        WindowSpec(length=8000, hop=16_000)
