from __future__ import annotations

import numpy as np
import pytest

from edge_app.audio.resampler import Resampler

RATES = (8000, 11_025, 22_050, 44_100, 48_000, 96_000)


def resampled(frames: np.ndarray, rate: int, cuts: list[int] | None = None) -> np.ndarray:
    resampler = Resampler(rate)
    pieces = [resampler.feed(piece) for piece in (np.split(frames, cuts) if cuts else [frames])]
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [1, 100, 12_345, 100_000])
def test_length_is_exact(rng: np.random.Generator, rate: int, count: int) -> None:
    noise = rng.normal(0, 0.1, count).astype(np.float32)
    assert abs(len(resampled(noise, rate)) - count * 16_000 / rate) <= 1


@pytest.mark.parametrize("rate", RATES)
def test_samples_do_not_depend_on_blocks(rng: np.random.Generator, rate: int) -> None:
    noise = rng.normal(0, 0.1, 50_000).astype(np.float32)
    whole = resampled(noise, rate)
    for cuts in (list(range(160, 50_000, 160)), sorted(rng.integers(0, 50_000, 200))):
        np.testing.assert_array_equal(resampled(noise, rate, cuts), whole)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_place_and_level(rate: int) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32)
    expected = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(resampled(tone, rate)[2000:14_000], expected[2000:14_000], atol=2e-3)


def test_what_16_khz_cannot_hold_is_removed() -> None:
    tone = np.sin(2 * np.pi * 11_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(resampled(tone, 48_000)[2000:14_000]).max() < 1e-3


def test_16_khz_passes_as_it_is(rng: np.random.Generator) -> None:
    noise = rng.normal(0, 0.1, 1000).astype(np.float32)
    np.testing.assert_array_equal(resampled(noise, 16_000), noise)
