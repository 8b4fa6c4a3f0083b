"""Curves over a cross-validation's folds: each utterance is judged by the net that did not train on its speaker."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from edge_app.cli import cli
from edge_app.errors import ConfigurationError
from train import crossval
from train.config import parse_config
from train.crossval import Plan, fold_path, read_plan
from train.fold_curves import NetScorer, fold_curves
from train.noise_kinds import GaussianNoise
from train.run import load_run

WHITE = GaussianNoise("white", 0.0)


@pytest.fixture(scope="module")
def plan(voices, tmp_path_factory):
    """A cross-validation in two folds, done."""
    config = parse_config(
        {
            "name": "small",
            "model": {"net": "chunk-cnn", "width": 8},
            "data": {"corpora": [str(voices)], "validation_share": 0.25},
            "waveform": {"copies": 0},
            "optimiser": {"epochs": 2, "steps": 8, "batch": 16, "average": 0.5},
        },
        "test",
    )
    folder = tmp_path_factory.mktemp("folds")
    plan = Plan(config, (str(voices),), "group-2", (), voices.parent, folder / "cache", folder / "runs")
    crossval._start_worker(plan)
    for number in range(2):
        crossval._work_on_fold(number)
    return plan


def test_clean_speech_is_judged_as_the_folds_judged_it(plan):
    report = fold_curves(plan, [WHITE], (None, -20.0), seed=0)
    clean, noisy = report["curves"]["white"]["points"]
    folds = [json.loads((fold_path(plan, fold) / "fold.json").read_text()) for fold in read_plan(plan)[1]]
    rows = [row for fold in folds for row in fold["rows"]]
    assert clean["n"] == len(rows) == 32  # eight of each class; fear is none of them
    assert report["protocol"] == "group-2"
    assert report["trained_on_corpus"] is False
    hits = [plan.config.data.labels[int(np.argmax(row["probabilities"]))] == row["label"] for row in rows]
    assert clean["wa"] == pytest.approx(np.mean(hits), abs=0.1)  # other windows of the same recordings
    assert noisy["uar"] <= clean["uar"]
    assert noisy["ccc"] != clean["ccc"]


def test_no_net_judges_a_speaker_it_trained_on(plan, monkeypatch):
    judged = {}
    score = NetScorer.score

    def spy(scorer, samples):
        judged.setdefault(id(scorer), []).append(samples)
        return score(scorer, samples)

    monkeypatch.setattr(NetScorer, "score", spy)
    fold_curves(plan, [WHITE], (None,), seed=0)
    assert sorted(map(len, judged.values())) == [16, 16]
    for fold in read_plan(plan)[1]:
        record = load_run(fold_path(plan, fold)).record
        assert record["corpora"]["voices"]["speakers"] == 2


def test_folds_that_are_not_done_are_named(plan, tmp_path):
    unfinished = Plan(plan.config, plan.corpora, "group-2", (), plan.root, plan.cache, tmp_path)
    with pytest.raises(ConfigurationError, match=r"group-1: this fold is not done"):
        fold_curves(unfinished, [WHITE], (None,), seed=0)


@pytest.mark.parametrize("arguments", [["--snr", "5"], ["--curves", "x.json"]])
def test_ratios_and_a_file_need_noise(arguments):
    done = CliRunner().invoke(cli, ["crossval", "chunk-cnn", "--corpus", "emodb", *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert "without --noise" in str(done.exception)
