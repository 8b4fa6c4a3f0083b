from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.baseline import SMALLEST_DEVIATION, Baseline, BaselineAccumulator


@pytest.fixture
def frames(rng):
    return (rng.normal(0, 1, (1000, 5)) * [1, 2, 3, 0.01, 20] + [-40, 0, 1e3, 5, -80]).astype(np.float32)


def test_pieces_give_the_statistics_of_the_whole(frames):
    accumulator = BaselineAccumulator(5)
    for piece in np.split(frames, [1, 1, 7, 400, 999]):
        accumulator.add(piece)
    baseline = accumulator.baseline("digest")
    assert baseline.count == 1000
    assert baseline.digest == "digest"
    np.testing.assert_allclose(baseline.mean, frames.astype(np.float64).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(baseline.deviation, frames.astype(np.float64).std(axis=0), rtol=1e-5)


def test_standardised_frames_have_mean_zero_and_deviation_one(frames):
    accumulator = BaselineAccumulator(5)
    accumulator.add(frames)
    standard = accumulator.baseline("").standardise(frames).astype(np.float64)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-2)


def test_a_band_that_never_changes_stays_finite():
    accumulator = BaselineAccumulator(2)
    accumulator.add(np.full((10, 2), -100, np.float32))
    baseline = accumulator.baseline("")
    assert baseline.deviation == pytest.approx(SMALLEST_DEVIATION)
    assert np.array_equal(baseline.standardise(np.full((3, 2), -100, np.float32)), np.zeros((3, 2)))


def test_no_frames_at_all_give_finite_statistics():
    baseline = BaselineAccumulator(3).baseline("")
    assert baseline.count == 0
    assert np.all(np.isfinite(baseline.standardise(np.ones((1, 3), np.float32))))


def test_standardise_takes_any_leading_shape_and_stays_single_precision():
    baseline = Baseline("", 1, np.array([1, 2], np.float32), np.array([2, 4], np.float32))
    found = baseline.standardise(np.array([[[3, 6]], [[1, 2]]], np.float32))
    assert found.tolist() == [[[1, 1]], [[0, 0]]]
    assert found.dtype == np.float32
