from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score

from train.bootstrap import interval, resample, speaker_weights
from train.metrics import (
    calibration_error,
    concordance,
    confusion,
    moments,
    recall,
    unweighted_average_recall,
    weighted_accuracy,
)
from train.summary import Decisions, summarise


def ccc(x, y):
    return float(concordance(moments(np.array(x, dtype=float), np.array(y, dtype=float))))


def decisions(truth, probabilities, speakers, reference=None, dimensions=None):
    n = len(truth)
    names = () if reference is None else ("arousal",)
    return Decisions(
        labels=("neutral", "happiness", "sadness", "anger"),
        dimension_names=names,
        speakers=speakers,
        truth=np.array(truth, dtype=np.int64),
        probabilities=np.asarray(probabilities, dtype=float),
        reference=np.zeros((n, 0)) if reference is None else np.array(reference, dtype=float)[:, None],
        dimensions=np.zeros((n, 0)) if dimensions is None else np.array(dimensions, dtype=float)[:, None],
    )


def test_recall_and_accuracy_are_scikit_learns(rng):
    truth, predicted = rng.integers(0, 4, 500), rng.integers(0, 4, 500)
    matrix = confusion(truth, predicted, 4)
    assert matrix.shape == (4, 4)
    assert unweighted_average_recall(matrix) == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert weighted_accuracy(matrix) == pytest.approx(accuracy_score(truth, predicted))
    np.testing.assert_allclose(recall(matrix), recall_score(truth, predicted, average=None))


def test_classes_that_do_not_occur_have_no_recall_and_no_part_in_uar():
    matrix = confusion(np.array([0, 0, 2]), np.array([0, 3, 2]), 4)
    np.testing.assert_array_equal(recall(matrix), [0.5, np.nan, 1.0, np.nan])
    assert unweighted_average_recall(matrix) == 0.75


def test_no_decisions():
    matrix = confusion(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3)
    assert np.isnan(unweighted_average_recall(matrix)) and np.isnan(weighted_accuracy(matrix))


def test_concordance_worked_by_hand():
    # x: mean 2, variance 2/3; y: mean 3, variance 8/3; covariance 4/3: 2 * 4/3 / (2/3 + 8/3 + 1) = 8/13.
    assert ccc([1, 2, 3], [1, 3, 5]) == pytest.approx(8 / 13)
    assert ccc([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert ccc([-1, 0, 1], [1, 0, -1]) == pytest.approx(-1)
    assert ccc([1, 2, 3], [2, 2, 2]) == 0


def test_concordance_leaves_out_what_is_not_known_and_needs_a_reference_that_varies():
    assert ccc([1, np.nan, 2, 3], [1, 9, 3, 5]) == pytest.approx(8 / 13)
    assert np.isnan(ccc([0.3, 0.3, 0.3], [1, 2, 3]))
    assert np.isnan(ccc([np.nan, np.nan], [1, 2]))


def test_calibration_error_worked_by_hand():
    # Two in the bin of 0.9, one of them right; two in the bin of 0.5, one right: (2 * 0.4 + 2 * 0) / 4.
    assert calibration_error(np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, False, True, False])) == pytest.approx(0.2)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0


def test_draws_have_as_many_speakers_as_the_corpus_and_are_seeded():
    weights = speaker_weights(7, draws=50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, speaker_weights(7, draws=50, seed=3))
    assert not np.array_equal(weights, speaker_weights(7, draws=50, seed=4))


def test_resampling_adds_up_speakers():
    statistics = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(resample(statistics, np.array([[2.0, 0, 1], [1, 1, 1]])), [[4, 7], [6, 9]])


def test_interval_without_values():
    assert interval(np.array([np.nan, np.nan])) is None
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)


def test_interval_covers_the_truth_about_as_often_as_it_says(rng):
    speakers, each, covered = 30, 20, 0
    names = np.repeat(np.arange(speakers), each).astype(str)
    for trial in range(60):
        skill = np.repeat(rng.normal(0.6, 0.1, speakers), each)
        right = rng.random(speakers * each) < skill
        truth = rng.integers(0, 4, speakers * each)
        probabilities = np.eye(4)[np.where(right, truth, (truth + 1) % 4)]
        low, high = summarise(decisions(truth, probabilities, names), seed=trial)["interval"]["wa"]
        covered += low <= 0.6 <= high
    assert covered >= 50


def test_speakers_are_drawn_whole():
    """Two speakers, one always right and one always wrong: the interval is as wide as it can be."""
    truth = [0, 1, 2, 3] * 20
    probabilities = np.eye(4)[[*truth[:40], *((np.array(truth[40:]) + 1) % 4)]]
    found = summarise(decisions(truth, probabilities, ["a"] * 40 + ["b"] * 40))
    assert (found["uar"], found["interval"]["uar"]) == (0.5, [0.0, 1.0])


def test_summary_of_one_speaker_and_one_class():
    found = summarise(decisions([3, 3], [[0.1, 0.1, 0.1, 0.7], [0.7, 0.1, 0.1, 0.1]], ["a", "a"], [0.6, 0.6], [0, 1]))
    assert found["recall"] == {"neutral": None, "happiness": None, "sadness": None, "anger": 0.5}
    assert found["support"] == {"neutral": 0, "happiness": 0, "sadness": 0, "anger": 2}
    assert found["uar"] == 0.5
    assert found["ccc"] == {"arousal": None}
    assert found["interval"] == {"uar": None, "wa": None, "ccc": {"arousal": None}}
    assert found["bootstrap"]["speakers"] == 1
    assert "one speaker" in found["bootstrap"]["note"]
    assert found["confidence"] == 0.7
    assert found["ece"] == pytest.approx(0.2)


def test_rows_without_a_class_count_for_the_dimensions_only():
    found = summarise(
        decisions([0, -1, -1], np.eye(4)[[0, 1, 2]], ["a", "b", "c"], [1, 2, 3], [1, 3, 5]),
    )
    assert found["wa"] == 1
    assert found["ccc"]["arousal"] == pytest.approx(8 / 13, abs=1e-4)


def test_no_dimensions():
    found = summarise(decisions([0, 1], np.eye(4)[[0, 1]], ["a", "b"]))
    assert found["ccc"] is None and found["interval"]["ccc"] is None
