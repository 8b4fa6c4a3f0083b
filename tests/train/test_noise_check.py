"""Recordings of noise that are too few, or narrow, are told before anything is measured with them."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from edge_app.cli import cli
from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import AudioFormatError, CorpusError
from train.corpora import Utterance, read_corpus, read_utterance, utterance_length
from train.noise import NoiseBank
from train.noise_check import check_noise
from train.noise_kinds import GaussianNoise
from train.noise_streams import spoken_streams


def record(path, seconds, rate=SAMPLE_RATE):
    soundfile.write(path, np.random.default_rng(7).normal(0, 0.1, round(seconds * rate)), rate)


@pytest.fixture
def street(tmp_path):
    folder = tmp_path / "street"
    folder.mkdir()
    record(folder / "a.wav", 1.0)
    record(folder / "b.wav", 0.5)
    return folder


def utterance(tmp_path, seconds, rate=SAMPLE_RATE, **part):
    path = tmp_path / f"said-{seconds}-{rate}.flac"
    record(path, seconds, rate)
    return Utterance(path=path, corpus="own", speaker="x", language="und", label="anger", **part)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100])
def test_the_length_is_that_of_what_is_read(tmp_path, rate):
    said = utterance(tmp_path, 1.23, rate)
    assert abs(utterance_length(said) - len(read_utterance(said))) <= 1


def test_the_length_of_a_part_is_that_of_the_part(tmp_path):
    assert utterance_length(utterance(tmp_path, 2.0, start=0.5, end=1.25)) == 12_000
    assert utterance_length(utterance(tmp_path, 2.0, start=0.5)) == 24_000


def test_the_length_of_what_is_no_audio_is_refused(tmp_path):
    (tmp_path / "x.wav").write_text("letters")
    with pytest.raises(AudioFormatError, match=r"x\.wav: cannot be read as audio"):
        utterance_length(Utterance(path=tmp_path / "x.wav", corpus="own", speaker="x", language="und", label="anger"))


def test_as_much_noise_as_the_longest_utterance_is_enough(street, tmp_path):
    bank = NoiseBank(street)
    assert bank.length == 24_000
    assert check_noise([bank], [utterance(tmp_path, 1.5), utterance(tmp_path, 0.3)]) == []


def test_less_is_refused_with_what_is_there_and_what_is_needed(street, tmp_path):
    said = [utterance(tmp_path, 0.3), utterance(tmp_path, 1.7)]
    with pytest.raises(CorpusError, match=r"street: 1\.5 s of noise .* longest utterance is 1\.7 s.*add recordings"):
        check_noise([GaussianNoise("pink", 1.0), NoiseBank(street)], said)
    assert check_noise([GaussianNoise("pink", 1.0)], said) == []


def test_streams_of_utterances_need_more(street, voices):
    record(street / "c.wav", 1.0)
    utterances = read_corpus(str(voices))
    assert check_noise([NoiseBank(street)], utterances) == []
    with pytest.raises(CorpusError, match=r"2\.5 s of noise .* longest stream of utterances is \d\d\.\d s"):
        check_noise([NoiseBank(street)], utterances, spoken_streams(utterances, 0))


def test_narrow_recordings_are_told_and_taken(street, tmp_path):
    record(street / "telephone.wav", 1.0, 8000)
    record(street / "radio.wav", 1.0, 11_025)
    record(street / "studio.wav", 1.0, 48_000)
    (line,) = check_noise([NoiseBank(street)], [utterance(tmp_path, 1.0)])
    assert line.startswith(f"{street}: 2 of 5 recordings sampled at less than 16 kHz; such noise ends at 4 or 5.5")


def test_noise_of_another_rate_is_resampled(tmp_path):
    """Noise at 8 kHz keeps its pitch: a tone of 1 kHz stays one."""
    folder = tmp_path / "tones"
    folder.mkdir()
    soundfile.write(folder / "tone.wav", 0.3 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 8000), 8000)
    drawn = NoiseBank(folder).draw(16_000, np.random.default_rng(0))
    assert np.argmax(np.abs(np.fft.rfft(drawn))) == 1000


def test_commands_refuse_before_they_compute(street, tiny_bundle, voices, tmp_path, monkeypatch):
    def computed(*arguments, **options):
        raise AssertionError("something was computed")

    monkeypatch.setattr("train.commands.evaluate.run_evaluation", computed)
    monkeypatch.setattr("train.commands.crossval.cross_validate", computed)
    for arguments in (
        ["evaluate", tiny_bundle, "--corpus", voices, "--noise", street, "--snr", "5"],
        ["crossval", "chunk-cnn", "--corpus", voices, "--protocol", "group-2", "--noise", street, "--snr", "5"],
    ):
        done = CliRunner().invoke(cli, [*map(str, arguments), "--root", str(tmp_path)])
        assert isinstance(done.exception, CorpusError)
        assert "street: 1.5 s of noise without its silence, but the longest utterance is 1.6 s" in str(done.exception)


def test_evaluate_tells_of_narrow_recordings_in_one_line(street, tiny_bundle, voices):
    record(street / "telephone.wav", 1.0, 8000)
    arguments = ["evaluate", tiny_bundle, "--corpus", voices, "--noise", street, "--snr", "5"]
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edge-ser: {street}: 1 of 3 recordings sampled at less than 16 kHz")
