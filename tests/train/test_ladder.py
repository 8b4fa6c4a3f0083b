"""Training dense nets and ladders on a made corpus, through the command line, to a bundle that listens."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from edge_app.bundle import load_bundle  # noqa: E402
from edge_app.cli import cli  # noqa: E402
from edge_app.errors import ConfigurationError, CorpusError  # noqa: E402
from train.config import LadderConfig, OptimiserConfig, parse_config  # noqa: E402
from train.ladder import LadderBatches, LadderModule, evaluation_rows, fit_ladder  # noqa: E402
from train.latent import RowBatches  # noqa: E402
from train.losses import prediction_loss  # noqa: E402
from train.metrics import concordance, moments  # noqa: E402
from train.nets import make_net  # noqa: E402
from train.nets.ladder import Ladder  # noqa: E402
from train.rows import Rows  # noqa: E402
from train.run import build_net, load_run  # noqa: E402
from train.tabular import train_table  # noqa: E402
from train.unlabelled import SUPERVISED  # noqa: E402

NETS = ("dense", "ladder", "dln")
HIDDEN = {"hidden": [16, 8]}
NONE = np.zeros((0, 20), np.float32)


@pytest.fixture
def rows(rng):
    """Rows whose functionals tell their ratings."""
    affect = rng.uniform(-0.8, 0.8, size=(400, 3))
    features = np.concatenate((affect @ rng.normal(size=(3, 10)), rng.normal(size=(400, 10))), axis=1)
    label = (affect[:, 0] > 0).astype(np.int64)
    return Rows(features.astype(np.float32), label, affect.astype(np.float32), label, np.arange(400))


def config_of(net, ladder=None, **optimiser):
    settings = {"epochs": 8, "steps": 20, "batch": 32, "rate": 1e-2} | optimiser
    return replace(
        parse_config({"name": "x", "model": {"net": net, **HIDDEN}}, "test"),
        ladder=ladder or LadderConfig(),
        optimiser=OptimiserConfig(**settings),
    )


def fitted(net, rows, unlabelled, config):
    torch.manual_seed(0)
    made = make_net(net, (20,), 2, **HIDDEN)
    return made, fit_ladder(made, rows, unlabelled, config)


def ccc(net, rows, shift=0.0):
    with torch.no_grad():
        found = net(torch.from_numpy(rows.features + np.float32(shift))).dimensions.numpy()
    return concordance(moments(rows.affect.astype(float), found.astype(float)).T)


@pytest.mark.parametrize("name", NETS)
def test_every_net_learns_the_ratings(name, rows, rng):
    net, result = fitted(name, rows.select(np.arange(300)), rows.features[:100], config_of(name))
    assert result.epochs == 8
    assert ccc(net, rows.select(np.arange(300, 400))).min() > 0.7


def test_a_ladder_normalises_by_the_place_it_is_meant_for(rows):
    elsewhere = rows.features[:200] * 2 + 3  # the same speech through something that shifts and stretches everything
    judged = rows.select(np.arange(300, 400))
    there = replace(judged, features=judged.features * 2 + 3)
    config = config_of("dln", LadderConfig(statistics="unlabelled"))
    adapted, _ = fitted("dln", rows.select(np.arange(300)), elsewhere, config)
    dense, _ = fitted("dense", rows.select(np.arange(300)), NONE, config_of("dense"))
    assert ccc(adapted, there).mean() > ccc(dense, there).mean() + 0.1


def test_the_rows_of_evaluation_are_those_asked_for(rows):
    labelled, others = rows.features[:3], rows.features[3:8]
    for name, statistics, expected in (
        ("dln", "labelled", labelled),
        ("dln", "unlabelled", others),
        ("ladder", "both", rows.features[:8]),
        ("dense", "unlabelled", labelled),
    ):
        net, config = make_net(name, (20,), 2), config_of(name, LadderConfig(statistics=statistics))
        np.testing.assert_array_equal(evaluation_rows(net, labelled, others, config), expected)
        np.testing.assert_array_equal(evaluation_rows(net, labelled, NONE, config), labelled)


def test_one_step_is_the_papers_loss(rows):
    weights = (2.0, 0.5, 0.25)
    config = config_of("dln", LadderConfig(noise=0.4, weights=weights))
    ladder = Ladder(make_net("dln", (20,), 2, **HIDDEN), 0.4)
    batches = LadderBatches(RowBatches(rows, config, balanced=True), rows.features[:50], config)
    module, batch = LadderModule(ladder, batches, config), next(iter(batches))
    torch.manual_seed(3)
    found = module.training_step(batch, 0).item()
    torch.manual_seed(3)
    embedding, losses = ladder(torch.stack((batch.features, batch.unlabelled)))
    expected = prediction_loss(ladder.net.affect(embedding[0]), batch.affect)
    expected = expected + sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
    assert found == pytest.approx(expected.item())
    lone = LadderModule(ladder, batches, config).training_step(batch._replace(unlabelled=torch.zeros(0, 20)), 0)
    assert torch.isfinite(lone)


def test_rows_of_both_kinds_are_normalised_by_their_own_moments(rows):
    ladder = Ladder(make_net("ladder", (20,), 2, **HIDDEN), 0.0)
    one, other = torch.from_numpy(rows.features[:30]), torch.from_numpy(rows.features[30:60] * 5 + 2)
    with torch.no_grad():
        together = ladder.encode(torch.stack((one, other)), noisy=False)
        for place, alone in enumerate((one, other)):
            torch.testing.assert_close(together.embedding[place], ladder.encode(alone, noisy=False).embedding)


def test_draws_depend_on_seed_and_epoch_alone(rows):
    config = config_of("dln")
    first, again = (LadderBatches(RowBatches(rows, config, True), rows.features[:50], config) for _ in range(2))
    drawn = [batch.unlabelled for batch in first]
    assert all(torch.equal(one, other.unlabelled) for one, other in zip(drawn, again, strict=True))
    again.epoch = 1
    assert not torch.equal(drawn[0], next(iter(again)).unlabelled)


@pytest.mark.parametrize("name", NETS)
def test_features_that_never_vary_and_few_rows_train_all_the_same(name, rows):
    few = rows.select(np.arange(5))
    few.features[:, 4] = 0.0
    net, _ = fitted(name, few, few.features[:2], config_of(name, epochs=1))
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())
    assert np.isfinite(ccc(net, few)).all()


@pytest.mark.parametrize(
    ("net", "ladder", "optimiser", "unlabelled", "error", "words"),
    [
        ("dln", LadderConfig(), {"batch": 1}, 0, ConfigurationError, r"\[optimiser\] batch = 1: a batch needs 2"),
        ("dln", LadderConfig(weights=(1.0, 1.0)), {}, 0, ConfigurationError, r"\[ladder\] weights: 2 .* give 3"),
        ("ladder", LadderConfig(), {}, 1, CorpusError, "one row of unlabelled speech has no deviation"),
    ],
)
def test_what_cannot_be_trained_is_one_line(net, ladder, optimiser, unlabelled, error, words, rows):
    with pytest.raises(error, match=words):
        fitted(net, rows, rows.features[:unlabelled], config_of(net, ladder, **optimiser))


def test_rows_without_ratings_are_refused(rows):
    with pytest.raises(CorpusError, match="0 rows with arousal"):
        fitted("dense", replace(rows, affect=np.full((400, 3), np.nan, np.float32)), NONE, config_of("dense"))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ConfigurationError, match=r"\[ladder\] statistics = 'all': choose from labelled, unlabelled"):
        LadderConfig(statistics="all")
    for values in ({"noise": -0.1}, {"weights": (1.0, -1.0)}):
        with pytest.raises(ConfigurationError, match=r"\[ladder\] noise and weights"):
            LadderConfig(**values)
    unlabelled = {"name": "x", "model": {"net": "dense"}, "data": {"unlabelled": ["x"], "features": "egemaps"}}
    with pytest.raises(ConfigurationError, match=r"\[data\] unlabelled: net 'dense' learns from labels alone"):
        build_net(parse_config(unlabelled, "test"))


# runs


@pytest.fixture
def small_ladder(small_table, voices):
    data = replace(small_table.data, unlabelled=(str(voices.parent),))
    return replace(small_table, name="small-ladder", net="dln", net_parameters=dict(HIDDEN), data=data)


def test_a_run_with_unlabelled_speech_reads_back_and_names_it(small_ladder, voices, tmp_path, capsys):
    run = train_table(small_ladder, tmp_path / "run", voices.parent, tmp_path / "cache")
    assert SUPERVISED not in capsys.readouterr().err
    again = load_run(run.path)
    features = torch.from_numpy(run.validation[:5])
    for found, expected in zip(again.net(features), run.net(features), strict=True):
        torch.testing.assert_close(found, expected)
    assert again.config == small_ladder
    corpora = again.record["corpora"]
    assert set(corpora) == {"voices", voices.parent.name}
    assert corpora[voices.parent.name]["utterances"] > 0
    assert corpora[voices.parent.name]["shippable"] == "research only"


def test_without_unlabelled_speech_a_ladder_says_that_it_is_supervised(small_ladder, voices, tmp_path, capsys):
    alone = replace(small_ladder, data=replace(small_ladder.data, unlabelled=()))
    train_table(alone, tmp_path / "run", voices.parent, tmp_path / "cache")
    assert capsys.readouterr().err.count(SUPERVISED) == 1


def test_a_broken_off_run_resumes_to_where_an_unbroken_one_ends(small_ladder, voices, tmp_path, monkeypatch):
    whole = train_table(small_ladder, tmp_path / "whole", voices.parent, tmp_path / "cache")
    step = LadderModule.training_step

    def broken(self, batch, number):
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        return step(self, batch, number)

    monkeypatch.setattr(LadderModule, "training_step", broken)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train_table(small_ladder, tmp_path / "broken", voices.parent, tmp_path / "cache")
    monkeypatch.setattr(LadderModule, "training_step", step)
    resumed = train_table(small_ladder, tmp_path / "broken", voices.parent, tmp_path / "cache", resume=True)
    for key, value in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[key], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NETS)
def test_train_and_export_give_a_bundle_with_both_variants(name, small_ladder, voices, tmp_path):
    import json

    data = small_ladder.data if name != "dense" else replace(small_ladder.data, unlabelled=())
    config = replace(small_ladder, net=name, data=data)
    train_table(config, tmp_path / "run", voices.parent, tmp_path / "cache")
    shipped = tmp_path / "models" / name
    result = CliRunner().invoke(
        cli, ["export", str(tmp_path / "run"), "--quantize", "int8", "--output", str(shipped), "--research-only"]
    )
    assert result.exit_code == 0, result.output
    bundle = load_bundle(shipped)
    assert set(bundle.variants) == {"fp32", "int8"}
    assert bundle.manifest["parity"]["fp32"]["agreement"] == 1
    features = 88
    assert bundle.parameters == (features + 1) * 16 + 17 * (8 if name != "dln" else 4) + (9 if name != "dln" else 5) * 7
    assert json.loads((shipped / "bundle.json").read_text())["training"]["net"] == name
    assert "reconstruct" in (shipped / "MODEL_CARD.md").read_text() or name == "dense"
