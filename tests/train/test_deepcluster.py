"""DeepEmoCluster: pseudo-labels against scikit-learn, losses by hand, and a run through the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import soundfile  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.preprocessing import normalize  # noqa: E402

from edge_app.cli import cli  # noqa: E402
from edge_app.errors import ConfigurationError, CorpusError, TrainingError  # noqa: E402
from export.bundle import ExportSettings, export_bundle  # noqa: E402
from export.parity import Requirements  # noqa: E402
from train.chunking import chunk_starts  # noqa: E402
from train.config import load_config, parse_config  # noqa: E402
from train.dataset import affect  # noqa: E402
from train.deepcluster.chunks import Chunks, spoken_rows  # noqa: E402
from train.deepcluster.clusters import Whitening, fit_clusters  # noqa: E402
from train.deepcluster.module import ClusterModule  # noqa: E402
from train.deepcluster.training import (  # noqa: E402
    Material,
    clean_frames,
    fit_best,
    fit_run,
    make_module,
    train_clusters,
)
from train.protocols import split_validation  # noqa: E402
from train.run import build_net, load_run  # noqa: E402
from train.runner import Sides, open_store, read_training_corpora  # noqa: E402

COUNT = 4


@pytest.fixture
def experiment(voices):
    """A narrow VGG with clusters on the made corpus that trains in seconds."""
    return parse_config(
        {
            "name": "small-clusters",
            "model": {"net": "vgg", "stages": [[4, 1], [8, 1]], "hidden": [16], "shrink": 4},
            "data": {
                "corpora": [str(voices)],
                "unlabelled": [str(voices.parent / "noise")],
                "validation_share": 0.25,
            },
            "waveform": {"copies": 1, "rooms": 2},
            "cluster": {"count": COUNT, "longest": 3.0, "components": 8},
            "optimiser": {"epochs": 2, "steps": 4, "batch": 16, "average": 0.5},
        },
        "test",
    )


@pytest.fixture
def material(experiment, voices, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    utterances = read_training_corpora(experiment, voices.parent)
    store = open_store(experiment, utterances, voices.parent, cache)
    noise = [replace(utterances[0], path=voices.parent / "noise" / "hiss.wav", label=None)]
    sides = Sides(*split_validation(utterances, 0.25, 0))
    return Material(store, sides, clean_frames(noise, experiment, cache).store)


# pseudo-labels


def test_clusters_are_those_of_scikit_learn(rng):
    centres = rng.normal(0, 4, size=(5, 12))
    truth = np.repeat(np.arange(5), 40)
    embedding = (centres[truth] + rng.normal(0, 0.3, size=(200, 12))).astype(np.float32)
    found = fit_clusters(embedding, 5, 4, 11)
    pictured = normalize(PCA(4, whiten=True, svd_solver="full").fit_transform(embedding.astype(np.float64)))
    expected = KMeans(5, n_init=1, max_iter=100, random_state=11).fit(pictured.astype(np.float32)).labels_
    np.testing.assert_array_equal(found.labels, expected)
    np.testing.assert_array_equal(found.assign(embedding), expected)
    assert found.sizes.tolist() == np.bincount(expected, minlength=5).tolist()
    # Five well separated heaps are found as they are.
    assert {tuple(np.unique(found.labels[truth == heap])) for heap in range(5)} == {(n,) for n in range(5)}


def test_whitened_rows_have_length_one_and_components_without_variance_are_dropped(rng):
    embedding = np.zeros((50, 6), dtype=np.float32)
    embedding[:, :2] = rng.normal(size=(50, 2))
    white = Whitening(embedding, 6)(embedding)
    assert white.shape == (50, 2)
    np.testing.assert_allclose(np.linalg.norm(white, axis=1), 1, rtol=1e-6)


def test_clusters_weigh_the_same_whatever_their_size(rng):
    embedding = np.concatenate([rng.normal(8, 0.1, (90, 3)), rng.normal(-8, 0.1, (10, 3))]).astype(np.float32)
    found = fit_clusters(embedding, 2, 1, 0)
    weights = found.weights()[found.labels]
    assert sorted(found.sizes.tolist()) == [10, 90]
    for cluster in range(2):
        assert weights[found.labels == cluster].sum() == pytest.approx(50)


def test_a_cluster_that_stays_empty_bears_no_weight():
    embedding = np.repeat(np.array([[1.0, 0.0], [0.0, 1.0], [-3.0, 2.0]], dtype=np.float32), 4, axis=0)
    found = fit_clusters(embedding, 5, 2, 0)
    assert found.present == 3
    assert (found.weights()[found.sizes == 0] == 0).all()
    assert found.weights()[found.labels].mean() == pytest.approx(1)
    alike = fit_clusters(np.ones((6, 4), dtype=np.float32), 3, 2, 0)
    assert alike.present == 1 and alike.labels.tolist() == [0] * 6


def test_more_clusters_than_chunks_are_refused(rng, experiment, material):
    with pytest.raises(CorpusError, match="9 chunks cannot make 10 clusters"):
        fit_clusters(rng.normal(size=(9, 3)).astype(np.float32), 10, 3, 0)
    many = replace(experiment, cluster=replace(experiment.cluster, count=1000))
    with pytest.raises(CorpusError, match=r"count = 1000, but all there is to cluster is 93 chunks"):
        make_module(build_net(many), many, material)


# chunks


def test_chunks_of_an_utterance_are_where_the_formula_says(material):
    store = material.store
    numbers = np.array([3, 7])
    chunks = Chunks(store, numbers, 5.0)
    first, stop = spoken_rows(store, 0)
    window = store.frames_per_window
    assert chunks.count == 5 and len(chunks) == 10
    for place, number in enumerate(numbers):
        starts = chunk_starts(int(stop[number] - first[number]), window, 5)
        rows = chunks.last[5 * place : 5 * place + 5] - window + 1
        np.testing.assert_array_equal(rows, first[number] + starts)
        assert store.offsets[number] <= rows[0] and rows[-1] + window <= store.offsets[number + 1]


def test_silence_around_an_utterance_is_left_out(voices, experiment, tmp_path):
    utterance = read_training_corpora(experiment, voices.parent)[0]
    speech, rate = soundfile.read(utterance.path, dtype="float32")
    path = tmp_path / "padded.wav"
    silence = np.zeros(32000, dtype=np.float32)
    soundfile.write(path, np.concatenate((silence, speech, silence)), rate)
    store = clean_frames([replace(utterance, path=path)], experiment, tmp_path).store
    first, stop = spoken_rows(store, 0)
    hop = 256
    assert 32000 - 16000 <= first[0] * hop <= 32000
    assert len(speech) <= (stop[0] - first[0]) * hop <= len(speech) + 2 * 16000


def test_a_recording_shorter_than_a_chunk_fills_it_and_one_without_a_frame_is_left_out(voices, experiment, tmp_path):
    utterances = read_training_corpora(experiment, voices.parent)[:2]
    speech, rate = soundfile.read(utterances[0].path, dtype="float32")
    made = {"short.wav": speech[:8000], "click.wav": speech[:200]}
    for name, samples in made.items():
        soundfile.write(tmp_path / name, samples, rate)
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more than that")
    listed = [replace(utterances[0], path=tmp_path / name) for name in (*made, "broken.wav")]
    found = clean_frames(listed, experiment, tmp_path)
    assert [u.path.name for u in found.store.utterances] == ["short.wav"]
    assert {path.name for path in found.broken} == {"click.wav", "broken.wav"}
    assert "cannot be read as audio" in found.broken[tmp_path / "broken.wav"]
    chunks = Chunks(found.store, np.array([0]), 3.0)
    assert len(set(chunks.last.tolist())) == 1
    frames = found.store.gather(chunks.last[:1], np.zeros(1, np.int64))[0]
    own = (8000 - 512) // 256 + 1
    np.testing.assert_array_equal(frames[own : 2 * own], frames[:own])
    with pytest.raises(CorpusError, match="none of 2 recordings can be used"):
        clean_frames(listed[1:], experiment, tmp_path)


# losses


def test_the_joint_loss_is_the_sum_of_its_parts_and_stage_one_is_clusters_alone(experiment, material):
    plain = replace(
        experiment,
        loss=replace(experiment.loss, dimensions=1.0, vocabulary=0.0),
        cluster=replace(experiment.cluster, classes=0.0, weight=0.7),
        spectrum=replace(experiment.spectrum, mixup=0.0),
    )
    module = make_module(build_net(plain), plain, material)
    module.recluster()
    module.eval()
    module.log = lambda *_, **__: None
    batches = list(module.batches)
    assert [batch.labelled for batch in batches] == [False] * 4 + [True] * 4
    for batch in (batches[0], batches[-1]):
        with torch.no_grad():
            output = module.net(batch.features)
            logits = module.pseudo(output.embedding).double().numpy()
            loss = float(module.training_step(batch, 0))
        weight, label = batch.pseudo.sum(1).double().numpy(), batch.pseudo.argmax(1).numpy()
        each = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(label)), label]
        clusters = (weight * each).sum() / weight.sum()
        if not batch.labelled:
            assert loss == pytest.approx(clusters, rel=1e-5)
            continue
        x, y = output.dimensions.double().numpy(), batch.affect.double().numpy()
        covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
        ccc = 2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2)
        assert loss == pytest.approx((1 - ccc).mean() + 0.7 * clusters, rel=1e-4)


def test_every_chunk_bears_the_label_of_its_cluster(experiment, material):
    experiment = replace(experiment, spectrum=replace(experiment.spectrum, mixup=0.0))
    module = make_module(build_net(experiment), experiment, material)
    module.recluster()
    batches, drawn = module.batches, module.batches.draw()
    embedding = np.concatenate([module.embed(part) for part in batches.clean()])
    assert len(embedding) == len(np.unique(drawn.labelled)) + len(np.unique(drawn.unlabelled))
    np.testing.assert_array_equal(module.clusters.assign(embedding), module.clusters.labels)
    for at, batch in enumerate([*batches][:4]):  # stage I
        chunks = batches.unlabelled.clean(batches.baseline, drawn.unlabelled[at])
        label = module.clusters.assign(np.concatenate([module.embed(part) for part in chunks]))
        np.testing.assert_array_equal(batch.pseudo.argmax(1).numpy(), label)
        np.testing.assert_allclose(batch.pseudo.sum(1).numpy(), module.clusters.weights()[label])
    again = make_module(module.net, experiment, material)
    again.recluster()
    np.testing.assert_array_equal(again.clusters.labels, module.clusters.labels)
    torch.testing.assert_close(again.pseudo.weight, module.pseudo.weight)


def test_targets_are_those_of_the_utterance_and_an_utterance_answers_by_the_mean_of_its_chunks(experiment, material):
    module = make_module(build_net(experiment), experiment, material)
    chunks = module._development.chunks
    answers = module.answers(chunks)
    with torch.no_grad():
        outputs = [module.net.eval()(part) for part in chunks.clean(module.batches.baseline, size=7)]
    dimensions = torch.cat([output.dimensions for output in outputs])
    torch.testing.assert_close(answers.dimensions[2], dimensions[6:9].mean(0))
    utterance = material.store.utterances[chunks.numbers[2]]
    np.testing.assert_allclose(module._development.affect[2].numpy(), affect(utterance), rtol=1e-6)
    truth, found = module._development.affect.double().numpy(), answers.dimensions.double().numpy()
    covariance = ((truth - truth.mean(0)) * (found - found.mean(0))).mean(0)
    by_hand = 2 * covariance / (truth.var(0) + found.var(0) + (truth.mean(0) - found.mean(0)) ** 2)
    np.testing.assert_allclose(module.development_ccc(), by_hand, atol=1e-5)


# training


def test_a_run_is_trained_exported_and_goes_on_where_it_was_broken_off(
    experiment, material, tmp_path, monkeypatch, voices
):
    whole = fit_run(experiment, material, tmp_path / "whole", quiet=True)
    assert whole.record["clusters"] == {"count": COUNT, "fewest_present": COUNT}
    assert set(whole.record["corpora"]) == {"voices"}
    step = ClusterModule.training_step

    def breaks(self, batch, batch_index):
        if self.current_epoch == 1 and batch_index == 3:
            raise KeyError("power cut")
        return step(self, batch, batch_index)

    monkeypatch.setattr(ClusterModule, "training_step", breaks)
    with pytest.raises(KeyError):
        fit_run(experiment, material, tmp_path / "broken", quiet=True)
    monkeypatch.undo()
    changed = replace(experiment, optimiser=replace(experiment.optimiser, rate=0.5))
    with pytest.raises(ConfigurationError, match=r"begun with \[optimiser\] rate = 0.003, and it is 0.5 now"):
        fit_run(changed, material, tmp_path / "broken", quiet=True, resume=True)
    resumed = fit_run(experiment, material, tmp_path / "broken", quiet=True, resume=True)
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value)
    settings = ExportSettings("small", requirements=Requirements(agreement=0.5), research_only=True)
    comparisons = export_bundle(load_run(tmp_path / "whole"), tmp_path / "bundle", settings)
    assert [comparison.variant for comparison in comparisons] == ["fp32", "int8"]
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "tell 4 clusters of one-second chunks" in card and "for speech without labels, too" in card


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_epoch_before(experiment, material, tmp_path):
    module = make_module(build_net(experiment), experiment, material)
    whole = module.batches._labelled_batch

    def poisoned(*arguments):
        batch = whole(*arguments)
        if module.current_epoch == 1:
            batch.features[3, 0, 0] = float("nan")
        return batch

    module.batches._labelled_batch = poisoned
    with pytest.raises(TrainingError, match=r"epoch 2, batch 5 \(stage II\): the loss is nan; .* no number: 1 of 16"):
        fit_best(module, tmp_path / "checkpoints")
    kept = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=False)
    assert kept["epoch"] == 0
    assert all(torch.isfinite(value).all() for value in kept["state_dict"].values())


def test_the_command_trains_and_lists_broken_recordings(experiment, voices, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"nothing")
    (folder / "b.wav").write_bytes((voices.parent / "noise" / "hiss.wav").read_bytes())
    toml = tmp_path / "clusters.toml"
    toml.write_text(
        f'name = "clusters"\n[model]\nnet = "vgg"\nstages = [[4, 1]]\nhidden = [8]\nshrink = 8\n'
        f'[data]\ncorpora = ["{voices}"]\nunlabelled = ["{folder}"]\n[waveform]\ncopies = 0\n'
        f"[cluster]\ncount = 3\nlongest = 2.0\n[optimiser]\nepochs = 1\nsteps = 2\nbatch = 8\n",
        encoding="utf-8",
    )
    arguments = ["train", str(toml), "--root", str(voices.parent), "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(cli, [*arguments, "--cache", str(tmp_path / "cache")])
    assert result.exit_code == 0, result.output
    assert "1 recording without labels left out:" in result.output
    assert "a.wav: cannot be read as audio" in result.output
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["corpora"]["mine"]["utterances"] == 1
    with pytest.raises(ConfigurationError, match="no checkpoint to resume from"):
        train_clusters(experiment, tmp_path / "none", voices.parent, tmp_path, resume=True)


def test_the_paper_is_in_its_configuration():
    paper, device = load_config("deepemocluster-vgg16"), load_config("deep-emo-cluster")
    assert paper.net_parameters["stages"] == [[64, 2], [128, 2], [256, 3], [512, 3], [512, 3]]
    assert (paper.cluster.weight, paper.cluster.longest, paper.optimiser.batch) == (1.0, 11.0, 64)
    assert sum(count for _, count in device.net_parameters["stages"]) == 13
