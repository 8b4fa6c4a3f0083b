import numpy as np
import pytest

from edge_app.core.features import LogMel
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.config import WaveformConfig
from train.corpora import read_corpus
from train.corpora.audio import read_utterance
from train.frames import CUT_HOP, build_store
from train.store import StoreSettings

HALF_PRECISION = 0.05


@pytest.fixture
def store(voices, tmp_path):
    settings = StoreSettings("logmel", WaveformConfig(copies=1, rooms=2), voices.parent / "noise", seed=1)
    return build_store(read_corpus(str(voices)), settings, tmp_path, workers=1)


def test_training_windows_are_those_the_device_cuts(store):
    stream = WindowStream(LogMel(), make_detector("webrtc"), WindowSpec(hop=CUT_HOP))
    for number in (0, 17, 39):
        samples = read_utterance(store.utterances[number])
        stream.reset()
        expected = [*stream.feed(samples), *stream.flush()]
        mine = np.flatnonzero(store.windows[:, 0] == number)
        got = store.gather(store.windows[mine, 1], np.zeros(len(mine), dtype=np.int64))
        assert len(expected) == len(mine)
        for window, features, speech in zip(expected, got, store.speech[mine], strict=True):
            np.testing.assert_allclose(features, window.features, atol=HALF_PRECISION)
            assert speech == pytest.approx(window.speech)


def test_augmented_versions_differ_and_stay_aligned(store):
    clean, augmented = store.frames[0].astype(np.float32), store.frames[1].astype(np.float32)
    assert clean.shape == augmented.shape
    assert np.abs(clean - augmented).mean() > 1
    assert np.isfinite(augmented).all()


def test_a_store_is_computed_once_and_reads_back_the_same(voices, tmp_path, monkeypatch):
    settings = StoreSettings("logmel", WaveformConfig(copies=0), None, seed=1)
    utterances = read_corpus(str(voices))[:6]
    first = build_store(utterances, settings, tmp_path, workers=1)
    monkeypatch.setattr("train.shards.ProcessPoolExecutor", None)
    again = build_store(utterances, settings, tmp_path, workers=1)
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.windows, again.windows)


def test_windows_never_reach_into_another_utterance(store):
    last = store.offsets[3:4]
    frames = store.gather(last, np.zeros(1, dtype=np.int64), margin=2)
    own = store.frames[0, store.offsets[3] : store.offsets[4]].astype(np.float32)
    np.testing.assert_array_equal(frames[0, 0], own[0])


def test_an_utterance_without_enough_speech_gives_its_best_window(store):
    chosen = store.speech_windows(2.0)
    assert set(store.windows[chosen, 0]) == set(range(len(store.utterances)))
