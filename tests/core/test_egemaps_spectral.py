"""Loudness, balance, flux and cepstrum: what is known of tones, noise and silence, and openSMILE's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.egemaps.names import SPECTRAL
from edge_app.core.features.egemaps.spectral import (
    SpectralDescriptors,
    cepstral_weights,
    equal_loudness,
    hertz_to_mel,
    mel_filters,
    mel_to_hertz,
    slope_weights,
)
from edge_app.core.types import Floats

TIME = np.arange(16000) / 16000
LOUDNESS, ALPHA, HAMMARBERG, SLOPE_LOW, SLOPE_HIGH, FLUX = range(6)
CEPSTRUM = slice(6, 10)
POWER = 10


def describe(samples: np.ndarray) -> Floats:
    return SpectralDescriptors().feed(samples.astype(np.float32))


def tone(frequency: float, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency * TIME)


def test_frames_of_20_ms_every_10_ms():
    assert describe(np.zeros(319)).shape == (0, 11)
    assert describe(np.zeros(320)).shape == (1, 11)
    assert describe(np.zeros(16000)).shape == (99, 11)


def test_loudness_grows_with_the_power_to_a_third():
    quiet, loud = describe(tone(1000, 0.05))[10, LOUDNESS], describe(tone(1000, 0.5))[10, LOUDNESS]
    assert loud / quiet == pytest.approx(100**0.33, rel=0.01)


def test_loudness_is_greatest_around_3_khz():
    heard = {hertz: describe(tone(hertz))[10, LOUDNESS] for hertz in (100, 500, 1000, 3000, 6000)}
    assert heard[100] < heard[500] < heard[1000] < heard[3000] > heard[6000]


def test_equal_loudness_is_hermanskys_below_2_khz():
    frequency = np.array([100.0, 500.0, 1000.0])
    omega = 2 * np.pi * frequency
    expected = (omega**2 + 56.8e6) * omega**4 / ((omega**2 + 6.3e6) ** 2 * (omega**2 + 0.38e9))
    np.testing.assert_allclose(equal_loudness(frequency), expected, rtol=1e-3)


def test_alpha_ratio_of_two_tones_is_the_ratio_of_their_powers():
    mixed = describe(tone(500, 0.4) + tone(3000, 0.04))[10]
    assert mixed[ALPHA] == pytest.approx(-20, abs=0.1)
    assert mixed[HAMMARBERG] == pytest.approx(20, abs=0.3)


@pytest.mark.parametrize(("column", "first", "last"), [(0, 0, 16), (1, 16, 48)])
def test_slopes_are_least_squares_with_one_bin_too_few_counted(column, first, last):
    place = np.arange(first, last + 1)
    line = np.zeros(49)
    line[first : last + 1] = 7 - 0.02 * 31.25 * place
    level, steps = line[first : last + 1], last - first
    least_squares = (steps * (place * level).sum() - place.sum() * level.sum()) / (
        steps * (place**2).sum() - place.sum() ** 2
    )
    assert line @ slope_weights()[:, column] == pytest.approx(least_squares / 31.25)


def test_flux_is_zero_in_a_steady_tone_and_not_at_its_start():
    late = np.concatenate((np.zeros(4000), tone(500)[:12000]))
    flux = describe(late)[:, FLUX]
    assert flux[:23].max() == 0
    assert flux[23:27].max() > 1
    assert flux[40:].max() < 0.05


def test_cepstrum_is_that_of_librosas_cosines():
    librosa = pytest.importorskip("librosa")
    rng = np.random.default_rng(3)
    log_mel = rng.normal(0, 5, (26, 7))
    expected = librosa.feature.mfcc(S=log_mel, n_mfcc=5, dct_type=2, norm="ortho", lifter=0)[1:]
    lifter = 1 + 11 * np.sin(np.pi * np.arange(1, 5) / 22)
    np.testing.assert_allclose(log_mel.T @ cepstral_weights(), (expected * lifter[:, None]).T, atol=1e-9)


def test_mel_is_htks():
    librosa = pytest.importorskip("librosa")
    frequency = np.array([20.0, 440.0, 1000.0, 8000.0])
    np.testing.assert_allclose(hertz_to_mel(frequency), librosa.hz_to_mel(frequency, htk=True), rtol=1e-3)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(frequency)), frequency)


def test_filters_cover_every_bin_between_the_edges_once():
    total = mel_filters().sum(axis=1)
    assert total[1] == 0
    np.testing.assert_allclose(total[6:225], 1.0)


def test_power_is_the_mean_square():
    assert describe(tone(1000))[10, POWER] == pytest.approx(0.125, rel=1e-3)


@pytest.mark.parametrize("blocks", ["one by one", "hop", "frame", "prime", "random", "empty between"])
def test_descriptors_do_not_depend_on_block_sizes(rng, blocks):
    samples = rng.normal(0, 0.1, 5000).astype(np.float32)
    whole = SpectralDescriptors().feed(samples)
    cuts = {
        "one by one": np.arange(1, 5000),
        "hop": np.arange(160, 5000, 160),
        "frame": np.arange(320, 5000, 320),
        "prime": np.arange(317, 5000, 317),
        "random": np.sort(rng.integers(0, 5000, 40)),
        "empty between": np.repeat(np.arange(700, 5000, 700), 2),
    }[blocks]
    descriptors = SpectralDescriptors()
    pieces = [descriptors.feed(block) for block in np.split(samples, cuts)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_reset_forgets_all_audio(rng):
    samples = rng.normal(0, 0.1, 3000).astype(np.float32)
    descriptors = SpectralDescriptors()
    first = descriptors.feed(samples)
    descriptors.reset()
    assert np.array_equal(descriptors.feed(samples), first)


def test_names_follow_the_columns():
    assert SPECTRAL == (
        "Loudness", "alphaRatio", "hammarbergIndex", "slope0-500", "slope500-1500", "spectralFlux",
        "mfcc1", "mfcc2", "mfcc3", "mfcc4",
    )  # fmt: skip
