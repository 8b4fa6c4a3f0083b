"""Training nets of functionals on a made corpus, through the command line, to a bundle that listens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from sklearn.metrics import recall_score

from edge_app.cli import cli
from edge_app.errors import ConfigurationError, CorpusError
from train import crossval
from train.calibration import calibrate
from train.config import AutoencoderConfig, OptimiserConfig, parse_config
from train.crossval import Plan
from train.latent import RowBatches, divergence_weight, fit_encoder
from train.losses import cyclic_annealing, metric_loss
from train.nets import make_net
from train.rows import Rows
from train.run import load_run
from train.tabular import mean_recall, train_table

NETS = {
    "dae": {},
    "dae with metric loss": {"metric": "valence"},
    "vae": {},
    "vae annealed with cluster loss": {"annealing": True, "cluster": 1.0},
}


@pytest.fixture
def root(voices):
    return voices.parent


@pytest.fixture
def finished(small_table, root, tmp_path):
    return train_table(small_table, tmp_path / "run", root, tmp_path / "cache")


@pytest.fixture
def rows(rng):
    """Rows whose functionals tell their class; a third of them are of no class."""
    label = rng.integers(0, 3, 600)
    features = rng.normal(size=(600, 88)) * 0.3 + np.eye(3, 88)[label] * 3
    values = np.array([[-0.5, 0.5, 0], [0.5, -0.5, 0], [0.0, 0.0, 0.0]])[label]
    return Rows(features.astype(np.float32), np.where(label == 2, -1, label), values.astype(np.float32), label,
                np.arange(600))  # fmt: skip


def config_of(name, autoencoder, epochs=20):
    return replace(
        parse_config({"name": "x", "model": {"net": name.split()[0]}}, "test"),
        autoencoder=AutoencoderConfig(**autoencoder),
        optimiser=OptimiserConfig(epochs=epochs, steps=20, batch=64, rate=1e-2),
    )


@pytest.mark.parametrize("name", NETS)
def test_every_variant_learns_a_latent_that_tells_the_classes(name, rows):
    torch.manual_seed(0)
    config = config_of(name, NETS[name])
    net = make_net(config.net, (88,), 2)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    assert fit_encoder(net, RowBatches(rows, config, balanced=True), config) == 20
    for key, value in net.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, before[key]) is not key.startswith("encoder")  # the heads are not its affair
    with torch.no_grad():
        latent = net(torch.from_numpy(rows.features)).embedding.numpy()
    centres = np.stack([latent[rows.group == each].mean(axis=0) for each in range(3)])
    nearest = np.linalg.norm(latent[:, None] - centres, axis=2).argmin(axis=1)
    assert np.mean(nearest == rows.group) > 0.9


def test_the_metric_loss_orders_the_latent(rows):
    found = {}
    for metric in ("", "arousal"):
        torch.manual_seed(0)
        config = config_of("dae", {"metric": metric, "metric_weight": 20.0})
        net = make_net("dae", (88,), 2)
        fit_encoder(net, RowBatches(rows, config, balanced=False), config)
        with torch.no_grad():
            latent = net(torch.from_numpy(rows.features)).embedding
        found[metric] = float(metric_loss(latent, torch.from_numpy(rows.affect_of("arousal"))))
    assert found["arousal"] < found[""] / 4


def test_rows_without_any_label_train_all_the_same(rows):
    unlabelled = replace(rows, label=np.full(600, -1), affect=np.full((600, 3), np.nan, np.float32))
    for name, losses in (("dae", {"metric": "arousal"}), ("vae", {"cluster": 1.0})):
        config = config_of(name, losses, epochs=2)
        net = make_net(config.net, (88,), 2)
        fit_encoder(net, RowBatches(unlabelled, config, balanced=True), config)
        assert all(torch.isfinite(value).all() for value in net.state_dict().values())


def test_the_divergence_is_annealed_in_cycles_or_weighs_one():
    annealed = AutoencoderConfig(annealing=True, cycles=5, rise=0.25)
    assert [divergence_weight(annealed, epoch, 50) for epoch in range(1, 51)] == [
        cyclic_annealing(epoch, 50, 5, 0.25) for epoch in range(1, 51)
    ]
    assert divergence_weight(AutoencoderConfig(), 1, 50) == 1


def test_batches_depend_on_seed_and_epoch_alone(rows):
    config = config_of("dae", {})
    for balanced in (True, False):
        first, again = RowBatches(rows, config, balanced), RowBatches(rows, config, balanced)
        drawn = [batch.features for batch in first]
        assert sum(map(len, drawn)) == (20 * 64 if balanced else 600)
        assert all(torch.equal(one, other.features) for one, other in zip(drawn, again, strict=True))
        again.epoch = 1
        assert not torch.equal(drawn[0], next(iter(again)).features)


# runs


def test_a_run_reads_back_as_it_was(finished):
    again = load_run(finished.path)
    features = torch.from_numpy(finished.validation[:5])
    for found, expected in zip(again.net(features), finished.net(features), strict=True):
        torch.testing.assert_close(found, expected)
    assert again.config == finished.config
    np.testing.assert_array_equal(again.validation, finished.validation)
    assert again.record["epochs"] == 4
    assert 0 < again.record["validation"]["temperature"] < 100


@pytest.mark.parametrize("net", ["linear", "dae", "vae"])
def test_probabilities_of_unknown_speakers_are_better_than_none(net, small_table, root, tmp_path):
    run = train_table(replace(small_table, net=net), tmp_path / "run", root, tmp_path / "cache")
    with torch.no_grad():
        probabilities = torch.softmax(load_run(run.path).net(torch.from_numpy(run.validation)).logits, dim=1)
    assert float(-probabilities.log()[np.arange(len(probabilities)), run.validation_class].mean()) < np.log(4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_calibration_finds_the_temperature_of_logits_of_any_size(scale, rng):
    label = rng.integers(0, 3, 600)
    net = make_net("linear", (3,), 3)
    with torch.no_grad():
        net.emotion.weight.copy_(scale * torch.eye(3))
        net.emotion.bias.zero_()
    features = torch.from_numpy((np.eye(3)[label] + rng.normal(size=(600, 3))).astype(np.float32))
    truth = dict(enumerate(label.tolist()))
    found = calibrate(net, features, np.arange(600), truth)
    grid = np.geomspace(1e-4, 1e4, 4001)
    logits = (features.clamp(-5, 5) * scale).double()
    losses = [float(torch.nn.functional.cross_entropy(logits / t, torch.from_numpy(label))) for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.02)


def test_a_broken_off_run_resumes_to_where_an_unbroken_one_ends(small_table, root, tmp_path, finished, monkeypatch):
    whole = RowBatches.__iter__

    def breaks(self):
        for number, batch in enumerate(whole(self)):
            if (self.epoch, number) == (2, 7):
                raise KeyError("power cut")
            yield batch

    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(RowBatches, "__iter__", breaks)
        train_table(small_table, tmp_path / "broken", root, tmp_path / "cache")
    with pytest.raises(ConfigurationError, match="--resume"):
        load_run(tmp_path / "broken")
    resumed = train_table(small_table, tmp_path / "broken", root, tmp_path / "cache", resume=True)
    assert resumed.record["epochs"] == 4
    for name, value in finished.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value)


def test_commands_train_and_export(small_table, root, tmp_path):
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    toml = tmp_path / "small.toml"
    toml.write_text(
        f'name = "small"\n[model]\nnet = "vae"\n[data]\ncorpora = ["{root / "voices.csv"}"]\n'
        f'features = "{small_table.data.features}"\n[waveform]\ncopies = 0\n'
        "[autoencoder]\ncluster = 1\n[optimiser]\nepochs = 3\nsteps = 20\nrate = 1e-2\n",
        encoding="utf-8",
    )
    arguments = ["train", str(toml), "--root", str(root), "--output", str(run), "--cache", str(tmp_path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "validation speakers" in result.output
    result = CliRunner().invoke(cli, ["export", str(run), "--research-only", "--output", str(bundle)])
    assert result.exit_code == 0, (result.output, result.exception)


def test_a_fold_of_cross_validation_judges_every_test_utterance_of_the_classes(small_table, root, tmp_path):
    plan = Plan(small_table, (str(root / "voices.csv"),), "group-2", (), root, tmp_path / "cache", tmp_path / "folds")
    crossval._start_worker(plan)  # in this process, which knows the made features
    results = [crossval._work_on_fold(number) for number in range(2)]
    figures = crossval.score_folds(plan, results)
    assert figures["n"] == 32  # fear is not one of the classes
    assert figures["uar"] > 0.25
    assert crossval._work_on_fold(1) == results[1]


def test_a_class_that_only_validation_speakers_show_is_one_clear_line(small_table, root, tmp_path):
    table = root / "voices.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    few = root / "few.csv"
    few.write_text(
        "\n".join([*(n for n in lines if ",sadness" not in n), "a-sadness-0.wav,zz,sadness"]) + "\n", "utf-8"
    )
    config = replace(small_table, data=replace(small_table.data, corpora=(str(few),), validation_share=0.9))
    with pytest.raises(CorpusError, match="of 4 classes"):
        train_table(config, tmp_path / "run", root, tmp_path / "cache")


def test_a_corpus_with_one_class_is_one_clear_line(small_table, root, tmp_path):
    lines = (root / "voices.csv").read_text(encoding="utf-8").splitlines()
    single = root / "single.csv"
    single.write_text("\n".join([lines[0], *(n for n in lines if ",anger" in n)]) + "\n", "utf-8")
    config = replace(small_table, data=replace(small_table.data, corpora=(str(single),)))
    with pytest.raises(CorpusError, match=r"no utterance of .*single\.csv is labelled happiness, neutral, sadness"):
        train_table(config, tmp_path / "run", root, tmp_path / "cache")
    with pytest.raises(ConfigurationError, match="two or more"):
        replace(config.data, labels=("anger",))


def test_mean_recall_is_scikit_learns(rng):
    predicted, expected = rng.integers(0, 4, 99), rng.integers(0, 3, 99)
    present = recall_score(expected, predicted, labels=[0, 1, 2], average="macro")
    assert mean_recall(predicted, expected) == pytest.approx(present)
