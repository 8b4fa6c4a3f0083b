"""The meter against ratios that are known because they were mixed."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import voice

from edge_app.core.snr import HIGHEST, HOP, LOWEST, WADA, WADA_STEP, SnrMeter
from edge_app.core.types import SAMPLE_RATE, Floats


def metered(samples: Floats, every: int = 4000) -> list[float | None]:
    """What the meter says after each so many samples."""
    meter, said = SnrMeter(), []
    for start in range(0, len(samples), every):
        meter.feed(samples[start : start + every])
        said.append(meter.snr)
    return said


def gamma_speech(rng: np.random.Generator, seconds: float) -> Floats:
    """What WADA takes speech for: amplitudes of a gamma distribution of shape 0.4, here in independent samples."""
    count = round(seconds * SAMPLE_RATE)
    return (0.03 * rng.gamma(0.4, 1, count) * rng.choice([-1, 1], count)).astype(np.float32)


def test_the_table_is_what_simulation_gives(rng: np.random.Generator) -> None:
    speech = rng.gamma(0.4, 1, 1_000_000) * rng.choice([-1, 1], 1_000_000)
    speech /= np.sqrt(np.mean(speech**2))
    for at in range(0, len(WADA), 4):
        ratio = LOWEST + WADA_STEP * at
        amplitude = np.abs(speech + rng.normal(size=len(speech)) * 10 ** (-ratio / 20))
        assert np.log(amplitude.mean()) - np.log(amplitude).mean() == pytest.approx(WADA[at], abs=0.004)
    assert LOWEST + WADA_STEP * (len(WADA) - 1) == HIGHEST
    assert np.all(np.diff(WADA) > 0)


@pytest.mark.parametrize("ratio", [-5, 0, 5])
def test_gamma_amplitudes_in_gaussian_noise_are_measured_as_published(ratio: float, rng: np.random.Generator) -> None:
    speech = gamma_speech(rng, 4)
    noise = rng.normal(size=len(speech)) * np.sqrt(np.mean(speech**2)) * 10 ** (-ratio / 20)
    assert metered((speech + noise).astype(np.float32))[-1] == pytest.approx(ratio, abs=1.0)


@pytest.mark.parametrize("ratio", [20.0, 30.0])
def test_a_tone_in_steady_noise_lies_as_far_above_it_as_it_was_mixed(ratio: float, rng: np.random.Generator) -> None:
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 440 * time) * (np.sin(np.pi * time) > 0)  # a second on, a second off
    noise = rng.normal(size=len(time)) * np.sqrt(0.5) * 10 ** (-ratio / 20)
    assert metered((0.1 * (tone + noise)).astype(np.float32))[-1] == pytest.approx(ratio, abs=3.0)


def test_what_is_told_does_not_depend_on_how_audio_is_cut(rng: np.random.Generator) -> None:
    samples = voice(rng, 7.0) + rng.normal(0, 0.01, 7 * SAMPLE_RATE).astype(np.float32)
    whole = SnrMeter()
    whole.feed(samples)
    for sizes in (np.full(len(samples) // 160, 160), rng.integers(1, 3000, 60), np.ones(2000, dtype=np.int64)):
        meter = SnrMeter()
        for piece in np.split(samples, np.cumsum(sizes)[np.cumsum(sizes) < len(samples)]):
            meter.feed(piece)
        assert meter.snr == whole.snr


def test_nothing_is_told_before_a_second(rng: np.random.Generator) -> None:
    meter = SnrMeter()
    meter.feed(voice(rng, 1.0)[:-HOP])
    assert meter.snr is None
    meter.feed(voice(rng, 1.0)[:HOP])
    assert meter.snr is not None
    meter.reset()
    assert meter.snr is None


def test_the_level_does_not_matter(rng: np.random.Generator) -> None:
    samples = voice(rng, 5.0) + rng.normal(0, 0.02, 5 * SAMPLE_RATE).astype(np.float32)
    loud, quiet = (metered(np.float32(gain) * samples)[-1] for gain in (0.5, 0.05))
    assert loud == pytest.approx(quiet, abs=0.1)


@pytest.mark.parametrize("samples", [np.zeros(4 * SAMPLE_RATE), np.ones(4 * SAMPLE_RATE), np.full(64_000, 1e-30)])
def test_digital_silence_and_constants_have_a_finite_answer(samples: Floats) -> None:
    (*_, last) = metered(samples.astype(np.float32))
    assert last is not None
    assert LOWEST <= last <= HIGHEST


def test_only_the_last_three_seconds_count(rng: np.random.Generator) -> None:
    noisy = voice(rng, 6.0) + rng.normal(0, 0.1, 6 * SAMPLE_RATE).astype(np.float32)
    quiet = voice(rng, 4.0)
    meter, fresh = SnrMeter(), SnrMeter()
    meter.feed(np.concatenate((noisy, quiet)))
    fresh.feed(quiet)
    assert meter.snr == pytest.approx(fresh.snr, abs=1.5)
