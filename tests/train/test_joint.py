"""The joint store holds what the device computes, and its net listens with both ears."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_app.core.features import LogMelEgemaps  # noqa: E402
from edge_app.core.features.egemaps.names import FUNCTIONALS, WITHOUT_FORMANTS  # noqa: E402
from edge_app.core.windows import WindowSpec  # noqa: E402
from edge_app.errors import ConfigurationError  # noqa: E402
from edge_app.pipeline import WindowStream  # noqa: E402
from edge_app.vad import make_detector  # noqa: E402
from train.config import WaveformConfig, parse_config  # noqa: E402
from train.corpora import read_corpus, read_utterance  # noqa: E402
from train.dataset import BalancedBatches, WindowPool, clean_windows  # noqa: E402
from train.functionals import build_table  # noqa: E402
from train.joint import build_joint  # noqa: E402
from train.material import CutWindows  # noqa: E402
from train.nets import make_net  # noqa: E402
from train.store import StoreSettings  # noqa: E402

LABELS = ("neutral", "happiness", "sadness", "anger")


@pytest.fixture(scope="module")
def settings(voices):
    return StoreSettings("logmel+egemaps", WaveformConfig(copies=1, rooms=2), voices.parent / "noise", seed=1)


@pytest.fixture(scope="module")
def utterances(voices):
    return read_corpus(str(voices))[:8]


@pytest.fixture(scope="module")
def store(settings, utterances, tmp_path_factory):
    return build_joint(utterances, settings, tmp_path_factory.mktemp("cache"), workers=1)


def test_clean_windows_are_those_of_the_device(store):
    stream = WindowStream(LogMelEgemaps(), make_detector("webrtc"), WindowSpec())
    cut = CutWindows(store, LogMelEgemaps())
    for number in (0, 5):
        stream.reset()
        samples = read_utterance(store.utterances[number])
        expected = [*stream.feed(samples), *stream.flush()]
        mine = np.flatnonzero(store.windows[:, 0] == number)
        got = store.clean(store.windows[mine, 1])
        assert len(expected) == len(mine) == len(cut.of(number))
        for window, features, speech in zip(expected, got, store.speech[mine], strict=True):
            np.testing.assert_allclose(features[:, :64], window.features[:, :64], atol=0.05)  # kept in half precision
            np.testing.assert_array_equal(features[:, 64:], window.features[:, 64:])
            assert speech == pytest.approx(window.speech)


def test_functionals_are_those_of_the_table_that_need_no_formants(store, settings, utterances, tmp_path):
    alone = StoreSettings("egemaps", settings.waveform, settings.noise, settings.seed)
    table = build_table(utterances, alone, tmp_path, workers=1)
    np.testing.assert_array_equal(store.functionals, table.values[:, :, np.isin(FUNCTIONALS, WITHOUT_FORMANTS)])
    np.testing.assert_array_equal(store.windows[:, 0], table.owner)


def test_baseline_is_of_frames_and_of_functionals(store, utterances):
    pool = WindowPool(store, np.arange(len(utterances)), LABELS)
    baseline = pool.baseline("digest")
    windows, _ = clean_windows(pool, baseline)
    described = windows.numpy()[:, 0, 64:]
    assert np.median(np.abs(described.mean(axis=0))) < 0.1
    assert np.median(described.std(axis=0)) == pytest.approx(1, abs=0.1)
    bands = windows.numpy()[:, :, :64]
    assert np.abs(bands.mean(axis=(0, 1))).max() < 0.5


def test_batches_vary_the_spectrum_and_keep_functionals_beside_it(store, utterances):
    config = parse_config(
        {"name": "j", "model": {"net": "joint"}, "data": {"features": "logmel+egemaps"},
         "spectrum": {"mixup": 0.0}, "optimiser": {"batch": 16}},
        "test",
    )  # fmt: skip
    pool = WindowPool(store, np.arange(len(utterances)), LABELS)
    baseline = pool.baseline("digest")
    batch = next(iter(BalancedBatches(pool, baseline, config)))
    assert batch.features.shape == (16, 88, 132)
    functionals = batch.features[:, :, 64:]
    torch.testing.assert_close(functionals, functionals[:, :1].expand_as(functionals))
    known = baseline.standardise(
        np.concatenate((np.zeros((*store.functionals.shape[:2], 64), np.float32), store.functionals), axis=2)
    )[:, :, 64:].reshape(-1, 68)
    for row in functionals[:, 0].numpy():
        assert np.abs(known - row).max(axis=1).min() < 1e-3


def net(**parameters):
    torch.manual_seed(2)
    return make_net("joint", (88, 132), 4, **parameters)


def test_each_branch_reads_its_own_part_and_logits_are_their_sum():
    features = torch.randn(3, 88, 132)
    joint = net().eval()
    whole = joint(features)
    bands, functionals = features.clone(), features.clone()
    bands[:, :, :64] += torch.randn(3, 88, 64)
    functionals[:, :, 64:] += 1.0
    first, second = joint(bands).embedding, joint(functionals).embedding
    torch.testing.assert_close(first[:, 112:], whole.embedding[:, 112:])
    torch.testing.assert_close(second[:, :112], whole.embedding[:, :112])
    assert (first[:, :112] - whole.embedding[:, :112]).abs().max() > 0.01
    assert (second[:, 112:] - whole.embedding[:, 112:]).abs().max() > 0.01


@pytest.mark.parametrize("voice", [0.0, 0.25, 1.0])
def test_functionals_count_for_less_when_training_is_over(voice):
    joint = net(voice=voice).eval()
    features = torch.randn(3, 88, 132)
    other = features.clone()
    other[:, :, 64:] += 1.0
    change = (joint(other).embedding - joint(features).embedding)[:, 112:] @ joint.emotion.weight[:, 112:].T
    torch.testing.assert_close(joint(other).logits - joint(features).logits, voice * change, atol=1e-5, rtol=1e-4)


def test_training_silences_one_branch_at_times_and_never_both():
    joint = net(silence=0.3, noise=0.0).train()
    embedding = joint(torch.randn(2000, 88, 132)).embedding
    silent = torch.stack((embedding[:, :112].abs().sum(1) == 0, embedding[:, 112:].abs().sum(1) == 0))
    assert silent.float().mean(1).numpy() == pytest.approx([0.3, 0.3], abs=0.04)
    assert not silent.all(0).any()


def test_other_features_are_refused():
    with pytest.raises(ConfigurationError, match=r"net 'joint' reads logmel\+egemaps"):
        make_net("joint", (61, 128), 4)
