"""The attention recogniser: its loss, its run, and the four settings of the study."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy import stats

from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.errors import ConfigurationError, TrainingError
from edge_app.verify import verify_bundle
from export.bundle import ExportSettings, export_bundle
from train.config import ExperimentConfig, parse_config
from train.corpora import read_corpus, read_utterance
from train.cpc import recogniser, study
from train.cpc.figures import collect
from train.cpc.judging import Judged, Utterances
from train.cpc.plots import silhouettes
from train.cpc.pretraining import pretrain
from train.cpc.published import IEMOCAP, MSP_PODCAST
from train.cpc.recogniser import StretchBatches, dimension_loss, make_recogniser
from train.cpc.training import train_stream
from train.dataset import WindowPool
from train.frames import build_store
from train.nets.cpc import STEP
from train.run import load_run
from train.scoring import BundleScorer
from train.store import StoreSettings


@pytest.fixture
def small(voices) -> ExperimentConfig:
    """A recogniser on the made corpus that trains in seconds."""
    return parse_config(
        {
            "name": "small",
            "model": {"net": "cpc-attention", "width": 64, "context": 16, "heads": 2, "dense": 8},
            "data": {"corpora": [str(voices)], "validation_share": 0.25},
            "waveform": {"copies": 0},
            "spectrum": {"mixup": 0.0},
            "optimiser": {"epochs": 2, "steps": 10, "batch": 12, "rate": 3e-3, "average": 0.5},
        },
        "test",
    )


@pytest.fixture
def store(small, voices, tmp_path):
    settings = StoreSettings("logmel", small.waveform, None, 0)
    return build_store(read_corpus(str(voices)), settings, tmp_path / "cache", workers=1)


def change(config, **sections):
    parts = {name: dataclasses.replace(getattr(config, name), **values) for name, values in sections.items()}
    return dataclasses.replace(config, **parts)


# the loss


def test_the_loss_weighs_concordance_as_published(rng):
    prediction, target = rng.normal(size=(2, 40, 3))
    ccc = [
        2 * np.cov(p, t, bias=True)[0, 1] / (p.var() + t.var() + (p.mean() - t.mean()) ** 2)
        for p, t in zip(prediction.T, target.T, strict=True)
    ]
    found = dimension_loss(torch.tensor(prediction), torch.tensor(target), 0.5, 0.2)
    assert found.item() == pytest.approx(1 - 0.5 * ccc[0] - 0.2 * ccc[1] - 0.3 * ccc[2], abs=1e-6)


# what is learnt from, and judged


def test_stretches_of_a_batch_are_as_long_and_end_in_speech(small, store):
    numbers = np.arange(len(store.utterances))
    pool = WindowPool(store, numbers, small.data.labels)
    batches = iter(StretchBatches(pool, pool.baseline("x"), small))
    lengths = {next(batches).features.shape[1] for _ in range(12)}
    assert all(64 <= length <= 188 and length % STEP == 0 for length in lengths)
    assert len(lengths) > 4


def test_whole_utterances_are_judged_as_each_alone(small, store):
    net, _, _ = make_recogniser(small)
    numbers = np.arange(0, len(store.utterances), 3)
    baseline = WindowPool(store, numbers, small.data.labels).baseline("x")
    utterances = Utterances(store, numbers, small.data.labels, baseline)
    found = utterances.judge(net)
    net.eval()
    for at in range(len(numbers)):
        with torch.no_grad():
            output = net(torch.from_numpy(utterances.frames(at))[None])
        np.testing.assert_allclose(found.logits[at], output.logits[0].numpy(), atol=1e-5)
    samples = read_utterance(store.utterances[int(numbers[0])])
    assert len(utterances.frames(0)) == pytest.approx(len(samples) / 256, abs=10)  # it is speech from end to end
    assert set(found.truth) == {-1, 0, 1, 2, 3}


def test_figures_of_judged_utterances_by_hand():
    logits = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 3]]
    affect = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 1, 0]], dtype=np.float32)
    judged = Judged(np.arange(5), logits, affect * np.float32(0.5), np.array([0, 1, 1, 2, -1]), affect)
    assert judged.uar == pytest.approx((1 + 0.5 + 1) / 3)
    x, y = affect[:, 0], affect[:, 0] * 0.5
    expected = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert judged.ccc[0] == pytest.approx(expected, abs=1e-6)


# a run


@pytest.fixture
def pretrained(predicting, small, tmp_path):
    """The folder of an encoder with the sizes of the small experiment."""
    config = dataclasses.replace(predicting, net_parameters=small.net_parameters)
    pretrain(config, tmp_path / "encoder", quiet=True, command="pretrain predicting")
    return tmp_path / "encoder"


def test_a_run_becomes_a_bundle_that_says_what_its_encoder_heard(small, talk, pretrained, tmp_path):
    config = change(small, cpc={"pretrained": str(pretrained)}, optimiser={"epochs": 4, "steps": 30})
    run = train_stream(config, tmp_path / "run", None, tmp_path / "cache")
    assert run.record["validation"]["uar"] > 0.5  # chance is 0.25
    assert run.record["corpora"][talk.name]["unlabelled"] is True
    loaded = load_run(tmp_path / "run")
    assert torch.equal(loaded.net.encoder.patch.weight, run.net.encoder.patch.weight)
    output = tmp_path / "bundle"
    export_bundle(loaded, output, ExportSettings(name="small", research_only=True))
    bundle = load_bundle(output)
    verify_bundle(bundle)
    assert set(bundle.corpora) == {"voices", talk.name}
    card = (output / "MODEL_CARD.md").read_text()
    assert "contrastive predictive coding; held-out accuracy 1 to 3 steps" in card
    assert "`--memory` chooses 2 to 10" in card
    assert "hop by hop" in card
    utterance = read_corpus(config.data.corpora[0])[0]
    scores = BundleScorer(bundle).score(read_utterance(utterance))
    assert scores.probabilities.shape[1] == 4


def test_an_encoder_that_is_frozen_stays_and_another_learns(small, store, pretrained, tmp_path):
    for frozen in (True, False):
        config = change(small, cpc={"pretrained": str(pretrained), "frozen": frozen})
        net, contrast, _ = make_recogniser(config)
        before = net.encoder.patch.weight.clone()
        sides = recogniser.Sides(np.arange(30), np.arange(30, 40))
        recogniser.fit_recogniser(config, store, sides, tmp_path / str(frozen), (net, contrast), quiet=True)
        assert torch.equal(net.encoder.patch.weight, before) is frozen


def test_a_resumed_run_is_that_of_one_go(small, store, tmp_path, monkeypatch):
    sides = recogniser.Sides(np.arange(30), np.arange(30, 40))

    def fit(path, resume=False):
        recogniser.lightning.seed_everything(0, verbose=False)
        net, contrast, _ = make_recogniser(small)
        recogniser.fit_recogniser(small, store, sides, path, (net, contrast), quiet=True, resume=resume)
        return net.state_dict()

    whole = fit(tmp_path / "whole")
    draw = StretchBatches._batch

    def break_off(self, rng, generator):
        if self.epoch == 1:
            raise KeyError("power cut")
        return draw(self, rng, generator)

    with monkeypatch.context() as broken:
        broken.setattr(StretchBatches, "_batch", break_off)
        with pytest.raises(KeyError):
            fit(tmp_path / "parts")
    resumed = fit(tmp_path / "parts", resume=True)
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value)
    with pytest.raises(ConfigurationError, match=r"was begun with \[optimiser\] rate = 0.003, and it is 0.001 now"):
        net, contrast, _ = make_recogniser(small)
        other = change(small, optimiser={"rate": 1e-3})
        recogniser.fit_recogniser(other, store, sides, tmp_path / "parts", (net, contrast), quiet=True, resume=True)


def test_a_loss_that_is_no_number_names_its_batch(small, store, tmp_path, monkeypatch):
    monkeypatch.setattr(recogniser, "dimension_loss", lambda *_: torch.tensor(float("nan")))
    sides = recogniser.Sides(np.arange(30), np.arange(30, 40))
    net, contrast, _ = make_recogniser(small)
    with pytest.raises(TrainingError, match="epoch 1, batch 1: the loss is no number"):
        recogniser.fit_recogniser(small, store, sides, tmp_path, (net, contrast), quiet=True)


def test_unlabelled_speech_in_the_wrong_place_is_one_clear_line(small):
    with pytest.raises(ConfigurationError, match="is for edge-ser pretrain; name the folder that it wrote"):
        make_recogniser(change(small, data={"unlabelled": ("librispeech",)}))


# the study


def test_figures_are_means_over_folds_and_spreads_over_seeds(rng):
    trials = []
    for fold in ("x", "y"):
        for setting in study.SETTINGS:
            for seed in range(3):
                uar, *ccc = rng.uniform(size=4)
                trial = {"fold": fold, "setting": setting, "seed": seed, "uar": uar, "ccc": ccc}
                trials.append({**trial, "n": 9, "weights": [0.5, 0.2]})
    found = collect(trials)

    def of(setting, seed):
        return np.mean([t["uar"] for t in trials if t["setting"] == setting and t["seed"] == seed])

    sup, pre = ([of(setting, seed) for seed in range(3)] for setting in ("Sup", "preCPC"))
    figure = found["settings"]["Sup"]["uar"]
    assert figure["mean"] == pytest.approx(np.mean(sup), abs=1e-4)
    assert figure["deviation"] == pytest.approx(np.std(sup, ddof=1), abs=1e-4)
    gain = found["gain"]["uar"]
    assert gain["mean"] == pytest.approx(np.mean(pre) - np.mean(sup), abs=1e-4)
    assert gain["p"] == pytest.approx(stats.ttest_rel(pre, sup).pvalue, rel=0.1)
    average = np.mean([np.mean(t["ccc"]) for t in trials if t["setting"] == "Sup"])
    assert found["settings"]["Sup"]["average"]["mean"] == pytest.approx(average, abs=1e-4)
    assert found["settings"]["Sup"]["valence"]["folds"]["x"] == pytest.approx(
        np.mean([t["ccc"][1] for t in trials if t["setting"] == "Sup" and t["fold"] == "x"]), abs=1e-4
    )


def test_published_averages_are_those_of_the_dimensions():
    for table in (IEMOCAP, MSP_PODCAST):
        for figures in table.values():
            assert figures[0][0] == pytest.approx(np.mean([mean for mean, _ in figures[1:]]), abs=0.004)


def test_silhouettes_tell_voices_from_classes(rng):
    contexts = np.repeat(np.eye(3), 20, axis=0) * 10 + rng.normal(0, 0.1, (60, 3))
    speakers = [f"s{number // 20}" for number in range(60)]
    classes = [f"c{number % 2}" for number in range(60)]
    found = silhouettes(contexts.astype(np.float32), classes, speakers)
    assert found["speaker"] > 0.9 and abs(found["class"]) < 0.1


def toml(config, path):
    lines = [f'name = "{config.name}"']
    for section, values in config.as_dict().items():
        if isinstance(values, dict):
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_study_writes_its_page_and_goes_on_where_it_was(small, predicting, voices, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "WEIGHTS", ((1 / 3, 1 / 3),))
    encoder = dataclasses.replace(predicting, net_parameters=small.net_parameters)
    arguments = [
        "reproduce", "cpc", "--corpus", str(voices), "--protocol", "group-2", "--seeds", "1", "--epochs", "1",
        "--config", str(toml(change(small, optimiser={"steps": 3}), tmp_path / "small.toml")),
        "--pretraining", str(toml(change(encoder, optimiser={"epochs": 1, "steps": 2}), tmp_path / "encoder.toml")),
        "--output", str(tmp_path / "docs"), "--cache", str(tmp_path / "cache"), "--threads", "1",
    ]  # fmt: skip
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "docs" / "cpc.md").read_text()
    assert "## voices, group-2" in page and "| preCPC |" in page and "0.731 ± 0.003" in page
    assert (tmp_path / "docs" / "cpc-voices-group-2.png").stat().st_size > 5000
    stored = json.loads((tmp_path / "docs" / "results" / "cpc-voices-group-2.json").read_text())
    assert sum(stored["figures"]["utterances"].values()) == 32
    assert set(stored["figures"]["settings"]) == set(study.SETTINGS)

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(study, "fit_recogniser", never)
    monkeypatch.setattr(study, "pretrain", never)
    again = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert again.exit_code == 0
    assert json.loads((tmp_path / "docs" / "results" / "cpc-voices-group-2.json").read_text()) == stored
