"""Confidence is judged on strangers, against figures worked by hand and data whose temperature is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

pytest.importorskip("sklearn")

from train.metrics import calibration_error
from train.trust import COVERAGES, choose_threshold, cooled, fit_temperature, risk_coverage, trust


def overconfident(rng, count, temperature):
    """Truth drawn from the probabilities of logits, and the probabilities of those logits times a temperature."""
    logits = 2 * rng.normal(size=(count, 4))
    honest = softmax(logits, axis=1)
    truth = (honest.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return softmax(temperature * logits, axis=1), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_made_decisions_is_found(temperature, rng):
    probabilities, truth = overconfident(rng, 20_000, temperature)
    found = fit_temperature(probabilities, truth)
    assert found == pytest.approx(temperature, rel=0.05)
    calibrated = cooled(probabilities, found)
    assert calibration_error(calibrated.max(axis=1), calibrated.argmax(axis=1) == truth) < 0.02
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probabilities.argmax(axis=1))


def test_risk_and_coverage_worked_by_hand():
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.28, 0.26])
    right = np.array([1, 1, 1, 0, 1, 0, 0, 1, 0, 0], dtype=bool)
    points = {point["coverage"]: point for point in risk_coverage(confidence, right)}
    assert sorted(points) == sorted(COVERAGES)
    assert points[1.0] == {"threshold": 0.26, "coverage": 1.0, "risk": 0.5}
    assert points[0.5] == {"threshold": 0.5, "coverage": 0.5, "risk": 0.2}
    assert points[0.3]["risk"] == 0.0
    # At 0.8 three of eight are wrong, at 0.9 four of nine.
    assert (points[0.9]["risk"], points[0.8]["risk"]) == (0.4444, 0.375)
    assert choose_threshold(list(points.values())) == 0.3


def test_equal_confidence_is_kept_together():
    points = risk_coverage(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]))
    assert {point["coverage"] for point in points} == {0.25, 1.0}


def test_where_every_risk_is_too_high_the_least_one_is_taken():
    points = [
        {"threshold": 0.3, "coverage": 1.0, "risk": 0.7},
        {"threshold": 0.5, "coverage": 0.7, "risk": 0.5},
        {"threshold": 0.9, "coverage": 0.1, "risk": 0.0},
    ]
    assert choose_threshold(points) == 0.5


def test_a_fold_is_judged_by_the_temperature_of_the_others(rng):
    hot, truth = overconfident(rng, 6000, 3.0)
    cold, more = overconfident(rng, 6000, 1.0)
    found = trust(np.concatenate((hot, cold)), np.concatenate((truth, more)), np.repeat([0, 1], 6000), ["hot", "cold"])
    assert found["folds"]["hot"]["others"] == pytest.approx(1.0, rel=0.1)
    assert found["folds"]["cold"]["others"] == pytest.approx(3.0, rel=0.1)
    assert found["folds"]["hot"]["ece_others"] == pytest.approx(
        calibration_error(hot.max(axis=1), hot.argmax(axis=1) == truth), abs=0.02
    )
    assert 1.0 < found["temperature"] < 3.0
    assert found["threshold"] in {point["threshold"] for point in found["points"]}


def test_modest_decisions_are_not_sharpened(rng):
    probabilities, truth = overconfident(rng, 4000, 0.5)
    found = trust(probabilities, truth, np.repeat([0, 1], 2000), ["a", "b"])
    assert found["temperature"] == 1.0
    assert found["ece"] == found["ece_before"] > 0.05
    assert [fold["others"] for fold in found["folds"].values()] == [1.0, 1.0]
