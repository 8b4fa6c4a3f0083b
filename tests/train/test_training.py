"""Training, resuming and cross-validation of a real, small net on a made corpus, through the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from edge_app.cli import cli
from edge_app.errors import ConfigurationError, CorpusError
from train.config import VersionsConfig
from train.crossval import Plan, cross_validate, score_folds
from train.run import load_run
from train.runner import train


@pytest.fixture
def root(voices):
    return voices.parent


@pytest.fixture
def finished(small, root, tmp_path):
    return train(small, tmp_path / "run", root, tmp_path / "cache")


def test_a_run_reads_back_as_it_was(finished):
    again = load_run(finished.path)
    features = torch.from_numpy(finished.validation[:3])
    torch.testing.assert_close(again.net(features).logits, finished.net(features).logits, atol=0.1, rtol=0.1)
    assert again.config == finished.config
    np.testing.assert_array_equal(again.baseline.mean, finished.baseline.mean)
    corpus = again.record["corpora"]["voices"]
    assert corpus["speakers"] == 4
    assert len(corpus["validation_speakers"]) == 1
    assert len(corpus["sha256"]) == 64
    assert (finished.path / "tensorboard").is_dir()


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_classes_are_shifted_by_the_share_that_is_asked_for(small, root, tmp_path, monkeypatch, share):
    asked = torch.tensor([0.4, -0.2, 0.1, -0.3])
    monkeypatch.setattr("train.runner.class_shift", lambda net, *judged: asked)
    plain = train(replace(small, versions=VersionsConfig(judged=2)), tmp_path / "plain", root, tmp_path / "cache")
    shifted = train(
        replace(small, versions=VersionsConfig(judged=2, shift=share)), tmp_path / "run", root, tmp_path / "cache"
    )
    assert "shift" not in plain.record["validation"]
    assert list(shifted.record["validation"]["shift"].values()) == pytest.approx((share * asked).tolist())
    features = torch.from_numpy(plain.validation[:5])
    with torch.no_grad():
        logits, moved = (run.record["validation"]["temperature"] * run.net(features).logits for run in (plain, shifted))
    torch.testing.assert_close(moved - logits, (share * asked).expand(5, 4), atol=1e-3, rtol=0)


def test_the_same_seed_gives_the_same_weights(small, root, tmp_path, finished):
    again = train(small, tmp_path / "again", root, tmp_path / "cache")
    for name, value in finished.net.state_dict().items():
        torch.testing.assert_close(again.net.state_dict()[name], value)


def test_a_broken_off_run_resumes_to_where_an_unbroken_one_ends(small, root, tmp_path, finished, monkeypatch):
    from train.dataset import BalancedBatches

    whole = BalancedBatches._batch

    def breaks(self, rng, generator):
        if self.epoch == 1:
            raise KeyError("power cut")
        return whole(self, rng, generator)

    monkeypatch.setattr(BalancedBatches, "_batch", breaks)
    with pytest.raises(KeyError):
        train(small, tmp_path / "broken", root, tmp_path / "cache")
    monkeypatch.undo()
    with pytest.raises(ConfigurationError, match="--resume"):
        load_run(tmp_path / "broken")
    resumed = train(small, tmp_path / "broken", root, tmp_path / "cache", resume=True)
    assert resumed.record["epochs"] == 2
    for name, value in finished.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value)


def test_commands_train_and_refuse(small, root, tmp_path):
    toml = tmp_path / "small.toml"
    toml.write_text(
        f'name = "small"\n[model]\nnet = "chunk-cnn"\nwidth = 8\n'
        f'[data]\ncorpora = ["{root / "voices.csv"}"]\n[waveform]\ncopies = 0\n'
        f"[optimiser]\nepochs = 1\nsteps = 2\nbatch = 8\n",
        encoding="utf-8",
    )
    arguments = ["train", str(toml), "--root", str(root), "--output", str(tmp_path / "run"), "--cache", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "validation speakers" in result.output
    again = CliRunner().invoke(cli, arguments)
    assert isinstance(again.exception, ConfigurationError)
    assert "--resume" in str(again.exception)


def test_cross_validation_tests_every_utterance_once_and_keeps_finished_folds(small, root, tmp_path):
    plan = Plan(small, (str(root / "voices.csv"),), "group-2", (), root, tmp_path / "cache", tmp_path / "folds")
    results = [result for _, result in cross_validate(plan, jobs=1)]
    figures = score_folds(plan, results)
    assert figures["n"] == 32  # fear is not one of the classes
    assert figures["speaker_independent"]
    assert sum(map(sum, figures["confusion"])) == 32
    assert len(figures["folds"]) == 2
    stamps = [path.stat().st_mtime_ns for path in sorted((tmp_path / "folds").glob("*/fold.json"))]
    again = [result for _, result in cross_validate(plan, jobs=1)]
    assert again == results
    assert stamps == [path.stat().st_mtime_ns for path in sorted((tmp_path / "folds").glob("*/fold.json"))]
    json.dumps(figures)


def test_recordings_that_would_be_on_both_sides_are_refused(small, root, tmp_path):
    copy = root / "again.csv"
    copy.write_text((root / "voices.csv").read_text(encoding="utf-8"), encoding="utf-8")
    plan = Plan(small, (str(root / "voices.csv"),), "group-2", (str(copy),), root, tmp_path, tmp_path)
    with pytest.raises(CorpusError, match="40 recordings"):
        list(cross_validate(plan, jobs=1))


def test_a_label_that_no_corpus_has_is_named(small, root, tmp_path):
    from dataclasses import replace

    wanting = replace(small, data=replace(small.data, labels=("neutral", "boredom")))
    with pytest.raises(CorpusError, match="boredom"):
        train(wanting, tmp_path / "run", root, tmp_path / "cache")
