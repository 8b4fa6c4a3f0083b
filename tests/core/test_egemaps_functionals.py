"""The 88 functionals, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.egemaps.contour import describe, turns
from edge_app.core.features.egemaps.functionals import functionals, moments, percentiles, temporal
from edge_app.core.features.egemaps.names import (
    ANALYSED_COLUMN,
    BY_VOICING_COLUMN,
    COLUMNS,
    DESCRIPTORS,
    FUNCTIONALS,
    LOUDNESS_COLUMN,
    PITCH_COLUMN,
    POWER_COLUMN,
)

JITTER = DESCRIPTORS.index("jitterLocal_sma3nz")
MFCC1 = DESCRIPTORS.index("mfcc1_sma3")


def value(frames: np.ndarray, name: str) -> float:
    return float(functionals(frames.astype(np.float32))[FUNCTIONALS.index(name)])


def blank(count: int) -> np.ndarray:
    frames = np.zeros((count, COLUMNS))
    frames[:, ANALYSED_COLUMN] = 1
    return frames


def test_there_are_88_and_25_names_each_once():
    assert len(FUNCTIONALS) == len(set(FUNCTIONALS)) == 88
    assert len(DESCRIPTORS) == len(set(DESCRIPTORS)) == 25


def test_names_are_opensmiles():
    opensmile = pytest.importorskip("opensmile")
    levels = opensmile.FeatureLevel.LowLevelDescriptors, opensmile.FeatureLevel.Functionals
    lld, functional = (opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level).feature_names for level in levels)
    assert tuple(lld) == DESCRIPTORS
    assert tuple(functional) == FUNCTIONALS


def test_pitch_is_measured_over_voiced_frames_only():
    frames = blank(10)
    frames[2:7, PITCH_COLUMN] = [30, 31, 32, 33, 34]
    assert value(frames, "F0semitoneFrom27.5Hz_sma3nz_amean") == 32
    assert value(frames, "F0semitoneFrom27.5Hz_sma3nz_stddevNorm") == pytest.approx(np.sqrt(2) / 32)
    assert value(frames, "F0semitoneFrom27.5Hz_sma3nz_percentile20.0") == pytest.approx(30.8)
    assert value(frames, "F0semitoneFrom27.5Hz_sma3nz_percentile50.0") == 32
    assert value(frames, "F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2") == pytest.approx(2.4)


def test_jitter_of_zero_does_not_count():
    frames = blank(6)
    frames[:, PITCH_COLUMN] = 30
    frames[2:4, JITTER] = [0.01, 0.03]
    assert value(frames, "jitterLocal_sma3nz_amean") == pytest.approx(0.02)


def test_voiced_and_unvoiced_means_are_of_their_own_frames():
    frames = blank(8)
    frames[:4, PITCH_COLUMN] = 30
    frames[:4, BY_VOICING_COLUMN] = -10
    frames[4:, BY_VOICING_COLUMN] = 6
    frames[6:, ANALYSED_COLUMN] = 0
    frames[6:, BY_VOICING_COLUMN] = 1000
    assert value(frames, "alphaRatioV_sma3nz_amean") == -10
    assert value(frames, "alphaRatioUV_sma3nz_amean") == 6


def test_mfcc_is_measured_over_all_frames():
    frames = blank(4)
    frames[:, MFCC1] = [-1, 1, 3, 5]
    assert value(frames, "mfcc1_sma3_amean") == 2
    assert value(frames, "mfcc1_sma3_stddevNorm") == pytest.approx(np.sqrt(5) / 2)


def test_level_is_that_of_the_mean_square():
    frames = blank(4)
    frames[:, POWER_COLUMN] = [0.0, 0.02, 0.0, 0.02]
    assert value(frames, "equivalentSoundLevel_dBp") == pytest.approx(-20)


def test_peaks_per_second():
    frames = blank(100)
    frames[:, LOUDNESS_COLUMN] = 1 - np.cos(2 * np.pi * 5 * np.arange(100) / 100)
    assert value(frames, "loudnessPeaksPerSec") == pytest.approx(5)


def test_small_ripples_are_no_peaks():
    place = np.arange(200)
    contour = -np.cos(2 * np.pi * place / 100) + 0.05 * np.cos(2 * np.pi * place / 10)
    assert describe(contour).peaks == 2


def test_a_contour_turns_at_its_highest_and_lowest_places():
    contour = np.array([0.0, 5, 10, 6, 1, 2, 8, 7.5, 9, 0])
    assert turns(contour) == [(2, True), (4, False), (8, True)]


def test_a_peak_gives_way_only_to_one_clearly_higher():
    contour = np.array([0.0, 10, 9.8, 10.2, 0])
    assert turns(contour) == [(1, True)]
    contour[3] = 10.6
    assert turns(contour) == [(3, True)]


def test_a_fall_before_the_first_peak_counts():
    found = describe(np.array([4.0, 2, 0, 5, 10, 8, 6]))
    assert found == (1, (5.0, 0.0), (pytest.approx((2 - 2) / 2), pytest.approx(np.sqrt(4 / 2))))


def test_slopes_of_a_triangle():
    contour = np.concatenate((np.linspace(0, 10, 11), np.linspace(9, 0, 10), np.linspace(0.5, 3, 6)))
    found = describe(contour)
    assert found.peaks == 1
    assert found.falling.mean == pytest.approx(1.0)
    assert found.rising.mean == pytest.approx((1.0 + 0.5) / 2)


def test_a_contour_without_peaks_has_no_slopes():
    for contour in (np.zeros(0), np.ones(1), np.ones(50), np.arange(50.0)):
        assert describe(contour) == (0, (0, 0), (0, 0))


@pytest.mark.parametrize("size", [1, 2, 5, 93])
def test_percentiles_are_numpys(rng, size):
    values = rng.normal(0, 1, size)
    np.testing.assert_allclose(percentiles(values), np.percentile(values, (20, 50, 80)))


def test_moments_are_numpys(rng):
    values = rng.normal(3, 1, (50, 4))
    counted = rng.random((50, 4)) < 0.5
    mean, deviation = moments(values.T, counted.T)
    for column in range(4):
        chosen = values[counted[:, column], column]
        assert mean[column] == pytest.approx(chosen.mean())
        assert deviation[column] == pytest.approx(chosen.std() / chosen.mean())


def test_segments_are_measured_between_their_outer_frames():
    # Two voiced segments: one frame without voice is bridged, and two voiced frames are too few for a segment.
    voiced = np.array([int(letter) for letter in "000111011100001100000011111100000"], dtype=bool)
    rate, mean, deviation, unvoiced_mean, unvoiced_deviation = temporal(voiced)
    assert rate == pytest.approx(2 / 0.33)
    assert (mean, deviation) == (pytest.approx(0.055), pytest.approx(0.005))
    lengths = np.array([3, 4, 6, 5]) - 1
    assert (unvoiced_mean, unvoiced_deviation) == (
        pytest.approx(lengths.mean() / 100),
        pytest.approx(lengths.std() / 100),
    )


@pytest.mark.parametrize("count", [1, 2, 3, 93])
@pytest.mark.parametrize("voiced", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e6])
def test_functionals_are_finite(rng, count, voiced, size):
    frames = size * rng.normal(0, 1, (count, COLUMNS))
    frames[:, PITCH_COLUMN] = np.where(rng.random(count) < voiced, 30, 0)
    frames[:, POWER_COLUMN] = np.abs(frames[:, POWER_COLUMN])
    frames[:, ANALYSED_COLUMN] = 1
    found = functionals(frames.astype(np.float32))
    assert found.shape == (88,)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
