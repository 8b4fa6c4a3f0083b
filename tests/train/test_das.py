"""The measures of the reproduction, worked by hand or by scikit-learn and scipy; and the whole of it, in small."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.metrics import balanced_accuracy_score, r2_score

from edge_app.cli import cli
from edge_app.errors import CorpusError
from train.corpora import read_corpus
from train.das.features import utterance_functionals
from train.das.measures import PrincipalAxis, adjusted_r2, balanced_accuracy, distance_r2, overlap
from train.das.protocol import (
    FOLDS,
    LABELS,
    SVC_SUPERVISED,
    VARIANTS,
    Study,
    accuracies,
    splits,
    standardised_rows,
    study_svc,
    study_variant,
    without_labels,
)
from train.das.published import PUBLISHED
from train.das.tables import collect, render_page


def test_adjusted_r2_is_that_of_linear_regression(rng):
    x = rng.normal(size=(40, 4))
    y = x @ [1.0, 0.5, 0, 0] + rng.normal(size=40)
    plain = r2_score(y, LinearRegression().fit(x, y).predict(x))
    assert adjusted_r2(x, y) == pytest.approx(1 - (1 - plain) * 39 / 35)
    unknown = np.append(y, [np.nan, np.nan])
    assert adjusted_r2(np.concatenate((x, np.ones((2, 4)))), unknown) == pytest.approx(adjusted_r2(x, y))


@pytest.mark.parametrize("y", [[1.0] * 20, [np.nan] * 20, [1.0, 2.0] + [np.nan] * 18])
def test_adjusted_r2_is_not_defined_where_nothing_varies(y, rng):
    assert np.isnan(adjusted_r2(rng.normal(size=(20, 4)), np.array(y)))


def test_distances_that_are_those_of_the_labels_have_an_r2_of_one(rng):
    target = rng.uniform(-1, 1, 50)
    assert distance_r2(np.outer(target, [0.6, 0.8]), target, rng) == pytest.approx(1)
    assert abs(distance_r2(rng.normal(size=(2000, 4)), rng.uniform(-1, 1, 2000), rng)) < 0.02


def test_the_principal_axis_points_at_the_target(rng):
    target = rng.normal(size=300)
    latent = np.column_stack((rng.normal(size=300) * 0.1, -5 * target + rng.normal(size=300)))
    axis = PrincipalAxis(latent, target)
    assert axis.axis[1] == pytest.approx(-1, abs=0.01)
    found = axis.rank_correlation(latent, target)
    assert found == pytest.approx(spearmanr(latent @ axis.axis, target).statistic)
    assert np.isnan(axis.rank_correlation(latent, np.zeros(300)))


def test_overlap_of_equal_and_of_distant_distributions(rng):
    one, other = rng.normal(size=(20000, 3)), rng.normal(size=(20000, 3))
    assert overlap(one, one) == 1
    assert overlap(one, other) > 0.97
    assert overlap(one, other + 100) < 0.02
    # two normal distributions two deviations apart share 2 Phi(-1)
    assert overlap(one, other + 2) == pytest.approx(0.317, abs=0.02)
    assert overlap(np.zeros((5, 2)), np.zeros((7, 2))) == 1


def test_balanced_accuracy_is_scikit_learns(rng):
    predicted, expected = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    assert balanced_accuracy(predicted, expected) == pytest.approx(balanced_accuracy_score(expected, predicted))


def test_accuracies_leave_out_classes_that_nobody_shows(rng):
    label = rng.integers(0, 4, 400)
    latent = (np.eye(4)[label] * 4 + rng.normal(size=(400, 4)) * 0.3).astype(np.float32)
    found = accuracies(latent, label, latent, label)
    assert found["N-S-A"] > 0.95 and found["N-S-H-A"] > 0.95
    neutral, anger = LABELS.index("neutral"), LABELS.index("anger")
    without = label != neutral  # as in a corpus whose speakers are never neutral
    assert accuracies(latent, label, latent[without], label[without])["N-S-A"] > 0.95
    single = label == anger
    assert np.isnan(list(accuracies(latent, label, latent[single], label[single]).values())).all()


@pytest.fixture
def study(voices, tmp_path):
    """Two made corpora: one of the even takes, one of the odd ones, under other names of speakers."""
    lines = voices.read_text(encoding="utf-8").splitlines()
    for name, take in (("one", "0"), ("two", "1")):
        chosen = [line.replace(",", f",{name}", 1) for line in lines[1:] if f"-{take}.wav" in line]
        # five speakers, so that there are five folds: each class of one speaker goes to a fifth
        chosen = [line.replace(f"{name}d", f"{name}e") if "fear" in line else line for line in chosen]
        (voices.parent / f"{name}.csv").write_text("\n".join([lines[0], *chosen]) + "\n", encoding="utf-8")
    paths = [str(voices.parent / f"{name}.csv") for name in ("one", "two")]
    utterances = [utterance for path in paths for utterance in read_corpus(path)]
    features = utterance_functionals(utterances, "logmel", tmp_path, workers=1)
    return Study(features, utterances, ("one",), ("two",), "corpus", epochs=2)


def test_folds_keep_speakers_and_corpora_apart(study):
    folds = splits(study)
    assert len(folds) == FOLDS
    for fold in folds:
        speakers = [{study.utterances[n].speaker for n in side} for side in (fold.train, fold.held_out)]
        assert not speakers[0] & speakers[1]
        assert {study.utterances[n].corpus for n in fold.shown} == {"two"}
    tested = np.concatenate([fold.held_out for fold in folds])
    assert sorted(tested) == [n for n, u in enumerate(study.utterances) if u.corpus == "one"]
    assert len(np.unique(np.concatenate([fold.shown for fold in folds]))) == 20


def test_standardisation_by_corpus_or_by_training_rows(study):
    from dataclasses import replace

    fold = splits(study)[0]
    by_corpus = standardised_rows(study, fold).features
    assert np.abs(by_corpus[study.corpus == "two"].mean(axis=0)).max() < 1e-3
    by_training = standardised_rows(replace(study, normalisation="training"), fold).features
    assert np.abs(by_training[fold.train].mean(axis=0)).max() < 1e-3
    assert np.abs(by_training[study.corpus == "two"].mean(axis=0)).max() > 0.01


def test_hidden_labels_are_hidden(study):
    rows = without_labels(standardised_rows(study, splits(study)[0]))
    assert (rows.label == -1).all() and np.isnan(rows.affect).all()


@pytest.mark.parametrize("variant", ["DAE-Unsupervised", "VAE-Metric-cluster", "DAE-Metric-val"])
def test_a_variant_is_judged_under_every_access(study, variant):
    records = study_variant(study, variant, 0)
    figures = collect(records)[variant]
    assert set(figures) == {"none", "unlabelled", "labelled"}
    for by_corpus in figures.values():
        assert set(by_corpus) == {"held out", "two"}
        assert 0 <= by_corpus["two"]["overlap"][0] <= 1
        assert by_corpus["two"]["R2-act"][0] <= 1
        assert 0 <= by_corpus["two"]["N-S-H-A"][0] <= 1


def test_references_are_judged_within_and_across_corpora(study):
    found = collect(study_svc(study, 0))
    assert set(found[SVC_SUPERVISED]["none"]) == {"held out", "two"}
    assert set(found["SVC (transfer)"]["none"]) == {"two"}


def test_figures_are_mean_and_deviation_over_folds():
    records = [("a", "none", "c", "m", value) for value in (1.0, 2.0, 3.0, float("nan"))]
    assert collect(records)["a"]["none"]["c"]["m"] == [2.0, 0.8165]
    assert collect([("a", "none", "c", "m", float("nan"))])["a"]["none"]["c"]["m"] == [None, None]


def test_a_corpus_of_one_class_can_be_judged_but_not_train(study):
    from dataclasses import replace

    angry = [u for u in study.utterances if u.corpus == "one" or u.label == "anger"]
    numbers = [study.utterances.index(u) for u in angry]
    found = study_svc(replace(study, utterances=angry, features=study.features[numbers]), 0)
    assert all(np.isnan(value) for _, _, corpus, _, value in found if corpus == "two")
    with pytest.raises(CorpusError, match="no utterance of two is labelled happiness, neutral, sadness"):
        replace(study, utterances=angry, features=study.features[numbers], training=("two",), transfer=("one",))
    with pytest.raises(CorpusError, match="both trains and is transferred to"):
        replace(study, transfer=("one",))


def test_the_papers_figures_are_of_variants_that_are_studied():
    assert {variant for variant, *_ in PUBLISHED} <= {*VARIANTS, SVC_SUPERVISED}
    assert PUBLISHED["DAE-Metric-val", "none", "emodb", "N-S-A"] == (0.78, 0.03)


def test_the_command_writes_figures_page_and_plots(study, voices, tmp_path):
    corpora = ["--train", str(voices.parent / "one.csv"), "--transfer", str(voices.parent / "two.csv")]
    rest = ["--epochs", "1", "--output", str(tmp_path / "docs"), "--cache", str(tmp_path)]
    result = CliRunner().invoke(cli, ["reproduce", "das", *corpora, *rest], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "docs" / "results" / "das-egemaps-corpus.json").read_text(encoding="utf-8"))
    assert set(written["figures"]) == {*VARIANTS, SVC_SUPERVISED, "SVC (transfer)"}
    assert written["notice"] is None
    page = (tmp_path / "docs" / "das.md").read_text(encoding="utf-8")
    assert page == render_page([written])
    mean, deviation = written["figures"]["VAE-Metric-act"]["none"]["held out"]["rho-act"]
    assert f"{mean:.2f} ± {deviation:.2f} (0.76 ± 0.05)" in page
    assert (tmp_path / "docs" / written["picture"]).read_bytes().startswith(b"\x89PNG")
