"""Training, resuming and cross-validation of a real, small net on a made corpus, through the command line."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from edge_app.cli import cli
from edge_app.errors import ConfigurationError, CorpusError, EdgeSerError
from train.config import VersionsConfig
from train.crossval import Plan, cross_validate, score_folds
from train.resumed import run_folder
from train.run import build_net, load_run
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


@pytest.mark.parametrize(("net", "copies", "said"), [("chunk-cnn", 1, "does not hear noise"), ("joint", 0, "copies")])
def test_a_shift_that_cannot_be_learnt_is_refused_before_training(small, root, tmp_path, net, copies, said):
    config = replace(
        small,
        net=net,
        data=replace(small.data, features={"chunk-cnn": "logmel", "joint": "logmel+egemaps"}[net]),
        waveform=replace(small.waveform, copies=copies),
        versions=VersionsConfig(shift=1.0),
    )
    with pytest.raises(ConfigurationError, match=said):
        build_net(config)


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


def test_a_run_goes_on_from_its_last_epoch_though_an_earlier_one_was_best(small, root, tmp_path, monkeypatch):
    from train.dataset import BalancedBatches

    whole, seen, falling = BalancedBatches._batch, [], iter(np.linspace(0.9, 0.1, 9))

    def breaks(self, rng, generator):
        if self.epoch == 3 and 3 not in seen:
            seen.append(3)
            raise KeyError("power cut")
        seen.append(self.epoch)
        return whole(self, rng, generator)

    monkeypatch.setattr(BalancedBatches, "_batch", breaks)
    monkeypatch.setattr("train.module.recall_score", lambda *given, **options: next(falling))
    longer = replace(small, optimiser=replace(small.optimiser, epochs=4))
    with pytest.raises(KeyError):
        train(longer, tmp_path / "run", root, tmp_path / "cache")
    other = replace(longer, optimiser=replace(longer.optimiser, steps=3))
    with pytest.raises(ConfigurationError, match=r"begun with \[optimiser\] steps = 4, and it is 3 now"):
        train(other, tmp_path / "run", root, tmp_path / "cache", resume=True)
    seen[:] = [3]
    resumed = train(longer, tmp_path / "run", root, tmp_path / "cache", resume=True)
    assert set(seen) == {3}
    assert resumed.record["validation"]["uar"] == pytest.approx(0.9)


def test_a_finished_run_is_not_resumed(finished, small, root, tmp_path):
    with pytest.raises(ConfigurationError, match="is finished"), run_folder(finished.path, resume=True):
        pytest.fail("nothing should be trained")


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


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('[data]\ncorpora = ["gone/here"]\n', "gone/here: no such folder"),
        ('[model]\nwidth = "wide"\n', r"\[model\] width = \"wide\": must be a whole number"),
        ('[data]\nunlabelled = ["gone"]\n', r"learns from it by clusters alone, and \[cluster\] count is 0"),
    ],
)
def test_a_refused_start_leaves_no_folder(root, tmp_path, settings, says):
    toml = tmp_path / "small.toml"
    toml.write_text(f'name = "small"\nmodel.net = "chunk-cnn"\n{settings}'.replace("[model]\n", "model."), "utf-8")
    result = CliRunner().invoke(cli, ["train", str(toml), "--root", str(root), "--output", str(tmp_path / "run")])
    assert isinstance(result.exception, EdgeSerError)
    assert re.search(says, str(result.exception))
    assert not (tmp_path / "run").exists()


def test_a_net_without_dimensions_is_cross_validated_by_its_classes(small, root, tmp_path):
    data = replace(small.data, features="logmel-statistics")
    config = replace(small, net="linear", net_parameters={}, data=data)
    plan = Plan(config, (str(root / "voices.csv"),), "group-2", (), root, tmp_path / "cache", tmp_path / "folds")
    figures = score_folds(plan, [result for _, result in cross_validate(plan, jobs=1)])
    assert figures["n"] == 32
    assert figures["ccc"] is None
    assert figures["interval"]["ccc"] is None


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


def test_a_training_without_a_corpus_is_refused(small, root, tmp_path):
    with pytest.raises(ConfigurationError, match="corpora is empty"):
        train(replace(small, data=replace(small.data, corpora=())), tmp_path / "run", root, tmp_path / "cache")


def test_a_label_that_no_corpus_has_is_named(small, root, tmp_path):
    from dataclasses import replace

    wanting = replace(small, data=replace(small.data, labels=("neutral", "boredom")))
    with pytest.raises(CorpusError, match="boredom"):
        train(wanting, tmp_path / "run", root, tmp_path / "cache")
