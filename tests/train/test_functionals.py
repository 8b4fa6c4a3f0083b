import numpy as np
import pytest
from functionals import LogMelStatistics

from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.config import WaveformConfig
from train.corpora import read_corpus, read_utterance
from train.functionals import build_table
from train.store import StoreSettings


@pytest.fixture
def table(voices, tmp_path, statistics):
    settings = StoreSettings(statistics, WaveformConfig(copies=2, rooms=2), voices.parent / "noise", seed=1)
    return build_table(read_corpus(str(voices)), settings, tmp_path, workers=1)


def test_training_windows_are_those_the_device_cuts(table):
    stream = WindowStream(LogMelStatistics(), make_detector("webrtc"), WindowSpec())
    for number in (0, 17, 39):
        stream.reset()
        samples = read_utterance(table.utterances[number])
        expected = [*stream.feed(samples), *stream.flush()]
        mine = table.owner == number
        np.testing.assert_array_equal(table.values[0, mine], [window.features for window in expected])
        np.testing.assert_allclose(table.speech[mine], [window.speech for window in expected])


def test_augmented_versions_differ(table):
    assert table.values.shape == (3, len(table.owner), 88)
    for version in (1, 2):
        assert np.abs(table.values[0] - table.values[version]).mean() > 1
    assert np.isfinite(table.values).all()


def test_a_table_is_computed_once_and_reads_back_the_same(voices, tmp_path, statistics, monkeypatch):
    settings = StoreSettings(statistics, WaveformConfig(copies=0), None, seed=1)
    utterances = read_corpus(str(voices))[:6]
    first = build_table(utterances, settings, tmp_path, workers=1)
    monkeypatch.setattr("train.shards.ProcessPoolExecutor", None)
    np.testing.assert_array_equal(build_table(utterances, settings, tmp_path, workers=1).values, first.values)


def test_an_utterance_without_enough_speech_gives_its_best_windows(table):
    chosen = table.speech_windows(2.0)
    assert set(table.owner[chosen]) == set(range(len(table.utterances)))
    for number in (3, 30):
        best = table.speech[table.owner == number].max()
        assert (table.speech[chosen][table.owner[chosen] == number] == best).all()
