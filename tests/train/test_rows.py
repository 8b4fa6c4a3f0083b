from pathlib import Path

import numpy as np
import pytest

from edge_app.core.labels import AFFECT_NORMS
from edge_app.errors import CorpusError
from train.corpora import Utterance
from train.rows import inside, make_rows, robust_baseline


def utterance(corpus, label):
    return Utterance(path=Path("x.wav"), corpus=corpus, speaker=f"{corpus}/1", language="de", label=label)


@pytest.fixture
def rows(rng):
    """Two corpora of unequal size, one with a class that the head lacks; utterances of one to three windows."""
    utterances = [
        utterance("small", "anger"),
        *[utterance("large", "anger")] * 20,
        *[utterance("large", "sadness")] * 5,
    ]
    utterances += [utterance("large", "fear")] * 4
    owner = np.repeat(np.arange(len(utterances)), 1 + np.arange(len(utterances)) % 3)
    return make_rows(rng.normal(size=(len(owner), 5)).astype(np.float32), owner, utterances, ("sadness", "anger"))


def test_rows_know_their_utterance(rows):
    assert set(rows.label) == {-1, 0, 1}
    np.testing.assert_allclose(rows.affect[rows.label == 1], np.tile(AFFECT_NORMS["anger"], (sum(rows.label == 1), 1)))
    np.testing.assert_array_equal(rows.affect_of("valence"), rows.affect[:, 1])
    assert np.isnan(rows.affect_of("")).all()


def test_every_class_of_every_corpus_weighs_the_same(rows):
    weight = rows.balance()
    assert weight.mean() == pytest.approx(1)
    totals = [weight[rows.group == group].sum() for group in np.unique(rows.group)]
    np.testing.assert_allclose(totals, len(weight) / 4)
    within = rows.group == rows.group[5]
    by_utterance = [weight[rows.owner == owner].sum() for owner in np.unique(rows.owner[within])]
    np.testing.assert_allclose(by_utterance, by_utterance[0])


@pytest.mark.parametrize("share", [0.0, 0.35])
def test_draws_are_balanced(rows, share, rng):
    drawn = rows.draw(20000, share, rng)
    frequency = np.bincount(rows.group[drawn], minlength=4) / len(drawn)
    other = rows.group[rows.label < 0][0]
    assert frequency[other] == pytest.approx(share, abs=0.02)
    np.testing.assert_allclose(np.delete(frequency, other), (1 - share) / 3, atol=0.02)


def test_without_other_classes_all_draws_are_of_the_classes(rows, rng):
    classed = rows.select(rows.label >= 0)
    frequency = np.unique(classed.group[classed.draw(9000, 0.35, rng)], return_counts=True)[1] / 9000
    np.testing.assert_allclose(frequency, 1 / 3, atol=0.02)


def test_outliers_take_no_part_in_the_baseline(rng):
    features = rng.normal(3, 2, size=(1000, 4)).astype(np.float32)
    features[7, 2] = 1e6
    baseline = robust_baseline(features, "digest")
    kept = np.delete(features, 7, axis=0)
    np.testing.assert_allclose(baseline.mean, kept.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(baseline.deviation, kept.std(axis=0), rtol=1e-5)
    assert baseline.count == 999
    assert np.flatnonzero(~inside(baseline.standardise(features))).tolist() == [7]


def test_too_few_rows_are_refused():
    with pytest.raises(CorpusError, match="too few to train on"):
        robust_baseline(np.zeros((1, 4), np.float32), "digest")
