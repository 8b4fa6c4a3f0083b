from __future__ import annotations

import numpy as np
import pytest

from edge_app.audio.mixdown import Mixdown
from edge_app.core.types import Floats

RATE = 16_000


def told(frames: Floats, block: int = 160) -> int:
    """How often a mixdown says that channels cancel each other."""
    mixdown = Mixdown(RATE)
    count = 0
    for at in range(0, len(frames), block):
        mixdown.feed(frames[at : at + block])
        count += mixdown.cancels()
    return count


@pytest.fixture
def sound(rng: np.random.Generator) -> Floats:
    return rng.normal(0, 0.1, 3 * RATE).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_mean_of_all_channels(rng: np.random.Generator, channels: int) -> None:
    frames = rng.normal(0, 0.1, (RATE, channels)).astype(np.float32)
    np.testing.assert_allclose(Mixdown(RATE).feed(frames), frames.mean(axis=1), atol=1e-6)


def test_one_channel_alone(rng: np.random.Generator) -> None:
    frames = rng.normal(0, 0.1, (RATE, 3)).astype(np.float32)
    np.testing.assert_array_equal(Mixdown(RATE, 3).feed(frames), frames[:, 2])


@pytest.mark.parametrize("block", [160, 1600, 8000, 48_000])
def test_antiphase_is_told_once(sound: Floats, block: int) -> None:
    assert told(np.column_stack((sound, -sound)), block) == 1


@pytest.mark.parametrize(("difference", "count"), [(0.1, 1), (0.5, 0)])
def test_the_limit_is_20_dB(sound: Floats, difference: float, count: int) -> None:  # noqa: N802
    """With -(1 - d) in the other channel the mean has d/2 of the amplitude, 20 log10(d/2 / rms) under the channels."""
    assert told(np.column_stack((sound, (difference - 1) * sound))) == count


@pytest.mark.parametrize("channels", [2, 8])
def test_independent_channels_are_no_fault(rng: np.random.Generator, channels: int) -> None:
    assert told(rng.normal(0, 0.1, (3 * RATE, channels)).astype(np.float32)) == 0


def test_one_live_channel_of_eight_is_no_fault(sound: Floats) -> None:
    frames = np.zeros((len(sound), 8), np.float32)
    frames[:, 5] = sound
    assert told(frames) == 0


def test_silence_and_a_moment_are_no_fault(sound: Floats) -> None:
    frames = np.column_stack((sound, -sound))
    assert told(frames[: RATE // 2]) == 0
    assert told(0.001 * frames) == 0


def test_a_moment_of_silence_does_not_hide_it(sound: Floats) -> None:
    frames = np.column_stack((sound, -sound))
    frames[: 2 * RATE : 2] = 0
    frames[RATE // 4 : RATE] = 0
    assert told(frames) == 1


def test_it_is_told_though_the_beginning_was_good(sound: Floats) -> None:
    assert told(np.concatenate((np.column_stack((sound, sound)), np.column_stack((sound, -sound))))) == 1
