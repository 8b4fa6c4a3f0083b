"""The experiment of Lin, Sridhar and Busso: measures by hand, baselines, figures, and a study on the command line."""

import csv
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import soundfile  # noqa: E402
from buzz import voice  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from scipy import stats  # noqa: E402

from edge_app.cli import cli  # noqa: E402
from edge_app.core.labels import DIMENSIONS  # noqa: E402
from train.config import load_config  # noqa: E402
from train.deepcluster import trials  # noqa: E402
from train.deepcluster.baselines import DIVERGENCE, Autoencoding, Decoder, VariationalAutoencoding  # noqa: E402
from train.deepcluster.experiment import ALONE, SEMI, SUPERVISED, VARIANTS, settings_of  # noqa: E402
from train.deepcluster.figures import PAIRS, collect  # noqa: E402
from train.deepcluster.measures import agreement, purity, shares  # noqa: E402
from train.deepcluster.page import verdict  # noqa: E402
from train.deepcluster.plots import by_arousal  # noqa: E402
from train.deepcluster.published import PUBLISHED  # noqa: E402
from train.nets import make_net  # noqa: E402

# what clusters are about


def test_purity_and_information_by_hand():
    clusters = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    names = ["a", "a", "b", "b", "b", "b", "c", "b"]
    assert shares(clusters, names, 3).tolist() == [[2, 1, 0], [0, 4, 1], [0, 0, 0]]
    assert purity(clusters, names) == pytest.approx(6 / 8)
    found = agreement(clusters, names)
    assert found["chance"] == pytest.approx(5 / 8)
    joint = {("a", 0): 2, ("b", 0): 1, ("b", 1): 4, ("c", 1): 1}
    name, cluster = {"a": 2, "b": 5, "c": 1}, {0: 3, 1: 5}
    information = sum(n / 8 * math.log(8 * n / (name[a] * cluster[k])) for (a, k), n in joint.items())
    entropy = [-sum(n / 8 * math.log(n / 8) for n in counts.values()) for counts in (name, cluster)]
    assert found["information"] == pytest.approx(information)
    assert found["normalised"] == pytest.approx(information / (sum(entropy) / 2))


def test_adjusted_information_is_nothing_for_chance_and_one_for_truth(rng):
    names = [f"n{n}" for n in rng.integers(6, size=600)]
    found = agreement(rng.integers(30, size=600), names)
    assert found["information"] > 0.05  # thirty clusters of nothing seem to know something
    assert abs(found["adjusted"]) < 0.02
    assert agreement(np.array([int(n[1:]) for n in names]), names)["adjusted"] == pytest.approx(1)


# baselines


@pytest.fixture
def vgg():
    torch.manual_seed(0)
    return make_net("vgg", (61, 128), 4, stages=((4, 1), (6, 2), (8, 1)), hidden=(12,), shrink=2)


def test_the_decoder_gives_back_the_picture_s_shape(vgg):
    assert vgg.maps == [(4, 15, 32), (6, 8, 16), (8, 4, 8)]
    assert Decoder(vgg)(torch.zeros(3, 12)).shape == (3, *vgg.picture) == (3, 1, 30, 64)


def test_autoencoders_add_their_loss_in_training_alone(vgg, rng):
    features = torch.from_numpy(rng.normal(size=(5, 61, 128)).astype(np.float32))
    auto = Autoencoding(vgg).train()
    vgg.eval()
    output, loss = auto(vgg, features)
    error = auto.decoder(output.embedding) - vgg.view(features)
    assert loss.item() == pytest.approx((error**2).mean().item(), rel=1e-5)
    torch.testing.assert_close(output.dimensions, vgg(features).dimensions)
    assert auto.eval()(vgg, features)[1].item() == 0


def test_the_variational_one_samples_in_training_and_takes_the_mean_later(vgg, rng):
    features = torch.from_numpy(rng.normal(size=(5, 61, 128)).astype(np.float32))
    variational, vgg = VariationalAutoencoding(vgg).train(), vgg.eval()
    torch.manual_seed(4)
    output, loss = variational(vgg, features)
    embedding = vgg(features).embedding
    mean, log_variance = variational.mean(embedding), variational.log_variance(embedding)
    torch.manual_seed(4)
    latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
    torch.testing.assert_close(output.embedding, latent)
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
    error = ((variational.decoder(latent) - vgg.view(features)) ** 2).mean()
    assert loss.item() == pytest.approx((error + DIVERGENCE * divergence).item(), rel=1e-5)
    torch.testing.assert_close(variational.eval()(vgg, features)[0].embedding, mean)


# figures


def made(rng, name, seed, quality):
    """A training whose answers follow the truth as closely as its quality, on three speakers of 40 utterances."""
    truth = rng.normal(size=(3, 40, 3))
    answers = quality * truth + rng.normal(0, 0.5, size=truth.shape)
    sums = [[[40, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]
             for x, y in zip(truth[s].T, answers[s].T, strict=True)] for s in range(3)]  # fmt: skip
    found = {"purity": 0.5, "chance": 0.2, "information": 0.3, "normalised": 0.2, "adjusted": 0.1 * seed}
    clusters = {"present": 10, "agreement": dict.fromkeys(("emotion", "speaker", "corpus"), found)}
    return {"variant": name, "seed": seed, "epochs": 3, "moments": sums, "clusters": clusters}, truth, answers


def test_figures_are_means_over_seeds_and_paired_tests(rng):
    everything = [made(rng, name, seed, 1 / (1 + n)) for seed in range(4) for n, name in enumerate(VARIANTS)]
    figures = collect([result for result, _, _ in everything])

    def ccc(name, seed, at):
        _, truth, answers = next(e for e in everything if (e[0]["variant"], e[0]["seed"]) == (name, seed))
        x, y = truth[..., at].ravel(), answers[..., at].ravel()
        return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)

    one, other = (np.array([ccc(name, seed, 2) for seed in range(4)]) for name in (SUPERVISED, "CNN-AE"))
    found = figures["means"][SUPERVISED]["dominance"]
    assert found["mean"] == pytest.approx(one.mean(), abs=1e-4)
    assert found["deviation"] == pytest.approx(one.std(ddof=1), abs=1e-4)
    assert found["interval"][0] <= found["mean"] <= found["interval"][1]
    difference = figures["differences"][f"{SUPERVISED} - CNN-AE"]["dominance"]
    assert difference["mean"] == pytest.approx((one - other).mean(), abs=1e-4)
    assert difference["p"] == pytest.approx(stats.ttest_rel(one, other).pvalue, rel=0.06)
    assert figures["clusters"][ALONE]["agreement"]["speaker"]["adjusted"] == pytest.approx(0.15)
    assert ALONE not in figures["means"]
    alone = collect([result for result, _, _ in everything if result["seed"] == 0])
    assert alone["differences"][f"{SUPERVISED} - CNN-AE"]["dominance"]["p"] is None


def test_the_paper_s_figures_are_in_the_table():
    assert PUBLISHED[SUPERVISED] == {"arousal": 0.6502, "dominance": 0.5426, "valence": 0.1510}
    assert PUBLISHED[SEMI] == {"arousal": 0.6611, "dominance": 0.5400, "valence": 0.1572}
    assert set(PUBLISHED) == set(VARIANTS) - {ALONE}
    assert {name for pair in PAIRS for name in pair} <= set(VARIANTS)


def test_variants_differ_in_what_they_say(small):
    config = load_config("deepemocluster-study")
    assert settings_of(config, VARIANTS["CNN-AE"]).cluster.count == 0
    assert settings_of(config, VARIANTS[SUPERVISED]).data.unlabelled == ()
    assert settings_of(config, VARIANTS[SEMI]) == config
    alone = settings_of(config, VARIANTS[ALONE])
    assert (alone.loss.dimensions, alone.cluster.classes, alone.cluster.count) == (0, 0, 10)


def test_clusters_are_ordered_by_arousal_and_empty_ones_come_last():
    assert by_arousal([0.3, None, -0.2, 0.1]) == [2, 3, 0, 1]


# a study on the command line


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A manifest of 8 speakers with two utterances of three emotions each."""
    folder, rng = tmp_path_factory.mktemp("people"), np.random.default_rng(1)
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "speaker", "label"])
        for speaker in range(8):
            for label, factor in (("neutral", 1.0), ("anger", 1.7), ("sadness", 0.8)):
                for take in range(2):
                    name = f"{speaker}-{label}-{take}.wav"
                    soundfile.write(folder / name, voice((110 + 9 * speaker) * factor, 0.15, 1.4, rng), 16000)
                    writer.writerow([name, f"s{speaker}", label])
    heard = folder / "heard"
    heard.mkdir()
    soundfile.write(heard / "a.wav", voice(140, 0.15, 2.0, rng), 16000)
    (heard / "broken.wav").write_bytes(b"no audio")
    (folder / "tiny.toml").write_text(
        'name = "tiny"\n[model]\nnet = "vgg"\nstages = [[4, 1], [6, 1]]\nhidden = [8]\nshrink = 8\n'
        "[data]\nlabels = ['neutral', 'anger']\n[waveform]\ncopies = 0\n[spectrum]\nmixup = 0.0\n"
        "[loss]\ndimensions = 1.0\nvocabulary = 0.0\n"
        "[cluster]\ncount = 10\nclasses = 0.0\nlongest = 3.0\nbalanced = false\n"
        "[optimiser]\nepochs = 2\nsteps = 3\nbatch = 16\n",
        encoding="utf-8",
    )
    return folder


def test_a_study_writes_page_picture_and_figures_and_goes_on_where_it_was(people, tmp_path, monkeypatch):
    arguments = [
        "reproduce", "deepemocluster", "--config", str(people / "tiny.toml"), "--train", str(people / "people.csv"),
        "--unlabelled", str(people / "heard"), "--seeds", "1", "--output", str(tmp_path / "docs"),
        "--cache", str(tmp_path / "cache"),
    ]  # fmt: skip
    run, calls = trials.run_variant, []

    def counted(study, name, seed):
        if len(calls) == 5:
            calls.append("power cut")
            raise KeyError("power cut")
        calls.append((name, seed))
        return run(study, name, seed)

    monkeypatch.setattr(trials, "run_variant", counted)
    assert isinstance(CliRunner().invoke(cli, arguments).exception, KeyError)
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "1 recording without labels left out:" in result.output
    calls.remove("power cut")
    assert sorted(calls) == sorted((name, 0) for name in VARIANTS)
    content = json.loads((tmp_path / "docs" / "results" / "deepemocluster.json").read_text(encoding="utf-8"))
    assert content["unlabelled"] == 1 + len(content["roles"]["unlabelled"]["speakers"]) * 6
    speakers = [set(found["speakers"]) for found in content["roles"].values()]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 8
    assert set(content["means"]) == set(VARIANTS) - {ALONE}
    for name in content["means"]:
        assert set(content["means"][name]) == set(DIMENSIONS)
    page = (tmp_path / "docs" / "deepemocluster.md").read_text(encoding="utf-8")
    assert str(people) not in page and "and heard." in page
    assert "(0.6502)" in page and "mapped" in page and verdict(content["clusters"]) in page
    assert (tmp_path / "docs" / "deepemocluster-clusters.png").stat().st_size > 10_000
