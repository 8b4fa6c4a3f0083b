"""Every kind of noise is what it says, judged by scipy's spectra and by the recordings themselves."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from scipy import signal

from edge_app.errors import ConfigurationError, CorpusError
from train.babble import Babble, spoken
from train.corpora import read_corpus, read_utterance
from train.noise import NoiseBank, rms
from train.noise_kinds import (
    BABBLE_SPLIT,
    KINDS,
    TALKERS,
    GaussianNoise,
    heard_in_training,
    make_source,
    parse_kinds,
)
from train.store import TALKERS as TRAINING_TALKERS


def speakers(folder, levels, seconds=1.0):
    """A manifest of one recording a speaker, each a sine of its own frequency and level."""
    lines = ["path,speaker,label"]
    time = np.arange(round(seconds * 16_000)) / 16_000
    for number, level in enumerate(levels):
        soundfile.write(folder / f"{number}.wav", level * np.sin(2 * np.pi * 500 * (number + 1) * time), 16_000)
        lines.append(f"{number}.wav,s{number},")
    (folder / "talkers.csv").write_text("\n".join(lines), encoding="utf-8")
    return read_corpus(str(folder / "talkers.csv"))


@pytest.mark.parametrize(("name", "slope"), [("white", 0.0), ("pink", 1.0)])
def test_gaussian_noise_falls_with_frequency_as_its_slope_says(name, slope, rng):
    samples = GaussianNoise(name, slope).draw(600_001, rng)
    frequency, power = signal.welch(samples, 16_000, nperseg=4096)
    band = (frequency > 50) & (frequency < 7500)
    found = -np.polyfit(np.log10(frequency[band]), np.log10(power[band]), 1)[0]
    assert found == pytest.approx(slope, abs=0.02)
    assert rms(samples) == pytest.approx(0.1, rel=1e-4)
    assert len(samples) == 600_001
    assert samples.dtype == np.float32


@pytest.mark.parametrize("length", [1, 2, 3, 320])
def test_gaussian_noise_of_any_length(length, rng):
    assert len(GaussianNoise("pink", 1.0).draw(length, rng)) == length


def test_talkers_of_babble_weigh_the_same_however_loud_they_were(tmp_path, rng):
    babble = Babble(speakers(tmp_path, (0.5, 0.05, 0.2, 0.01)), 4, 4).draw(16_000, rng)
    power = np.abs(np.fft.rfft(babble)[[500, 1000, 1500, 2000]]) ** 2
    assert power / power.mean() == pytest.approx(np.ones(4), rel=0.01)
    assert rms(babble) == pytest.approx(0.1, rel=0.01)


def test_babble_is_of_different_people_and_longer_than_their_recordings(tmp_path, rng):
    babble = Babble(speakers(tmp_path, (0.1,) * 5), 3, 3)
    for _ in range(10):
        spectrum = np.abs(np.fft.rfft(babble.draw(32_000, rng)))[1000:5001:1000]
        assert (spectrum > 0.5 * spectrum.max()).sum() == 3


def test_babble_refuses_too_few_and_silent_people(tmp_path, rng):
    utterances = speakers(tmp_path, (0.1, 0.0, 0.1))
    with pytest.raises(CorpusError, match="babble needs 4 speakers at once; there are 3"):
        Babble(utterances, 4, 4)
    with pytest.raises(CorpusError, match=r"talkers/s1: silent recordings"):
        Babble(utterances, 3, 3).draw(1000, rng)


def test_a_pause_of_a_talker_is_passed_over(tmp_path, rng):
    talker = speakers(tmp_path, (0.1, 0.2))
    samples, rate = soundfile.read(talker[0].path)
    samples[: len(samples) // 2] = 0  # half of what the first says is a pause
    soundfile.write(talker[0].path, samples, rate)
    for _ in range(20):
        assert rms(Babble(talker, 2, 2).draw(1000, rng)) > 0.05
    with pytest.raises(CorpusError, match=r"talkers/s0: silent recordings"):
        for _ in range(20):
            Babble(talker, 2, 2, attempts=1).draw(1000, rng)


@pytest.mark.parametrize(
    ("text", "names"),
    [("all", tuple(KINDS)), ("babble", ("babble",)), ("white, pink", ("white", "pink"))],
)
def test_kinds_are_read(text, names):
    assert parse_kinds(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("traffic", "no kind of noise 'traffic'; choose from babble"),
        ("", "no kind"),
        ("pink,pink", "names a kind twice"),
    ],
)
def test_kinds_that_are_none(text, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_kinds(text)


@pytest.mark.parametrize("kind", ["pink", "white"])
def test_made_noise_needs_no_corpora(kind, monkeypatch):
    monkeypatch.setenv("EDGE_SER_DATA", "/nowhere")
    assert make_source(kind, None).name == kind


@pytest.mark.parametrize(
    ("waveform", "heard"),
    [
        ({"copies": 3, "noise_probability": 0.75}, True),
        ({"copies": 3, "noise_probability": 0.75, "noise_pattern": "[1-4]-*"}, False),
        ({"copies": 3, "noise_probability": 0.75, "noise_pattern": "5-*"}, True),
        ({"copies": 3, "noise_probability": 0.0}, False),
        ({"copies": 0, "noise_probability": 0.75}, False),
    ],
)
def test_what_training_mixed_in_is_told(tmp_path, waveform, heard, rng):
    soundfile.write(tmp_path / "5-1-A.wav", rng.normal(0, 0.1, 800), 16_000)
    known, own = NoiseBank(tmp_path, name="environmental"), NoiseBank(tmp_path)
    assert heard_in_training(known, {"training": {"experiment": {"waveform": waveform}}}) is heard
    mixed = waveform["copies"] and waveform["noise_probability"]
    assert heard_in_training(own, {"training": {"experiment": {"waveform": waveform}}}) is (None if mixed else False)
    assert heard_in_training(GaussianNoise("pink", 1.0), {"training": {"experiment": {"waveform": waveform}}}) is False


def test_a_model_of_unknown_training_may_have_heard_it(tmp_path, rng):
    soundfile.write(tmp_path / "a.wav", rng.normal(0, 0.1, 800), 16_000)
    assert heard_in_training(NoiseBank(tmp_path), {}) is None


@pytest.mark.corpus
def test_what_evaluation_mixes_in_is_apart_from_what_training_with_the_pattern_does(corpora):
    environmental, home = make_source("environmental", corpora), make_source("home", corpora)
    assert len(environmental) == 80
    assert sorted(name.split(".")[0] for name in home.names) == [
        "doing_the_dishes", "dude_miaowing", "exercise_bike", "running_tap",
    ]  # fmt: skip
    trained = {name.rsplit("/", 1)[-1] for name in NoiseBank(corpora / "noise", "[1-4]-*").names}
    assert len(trained) == 320
    assert trained.isdisjoint(name.rsplit("/", 1)[-1] for name in (*environmental.names, *home.names))


@pytest.mark.corpus
def test_babble_is_seeded_and_of_the_test_speakers(corpora):
    talkers = {u.speaker for u in read_corpus("librispeech", corpora) if u.split == BABBLE_SPLIT}
    others = {u.speaker for u in read_corpus("librispeech", corpora) if u.split != BABBLE_SPLIT}
    assert len(talkers) > TALKERS
    assert talkers.isdisjoint(others)
    assert {u.speaker for u in spoken(TRAINING_TALKERS, corpora)} <= others
    babble = make_source("babble", corpora)
    first, again = (babble.draw(48_000, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    one = read_utterance(next(u for u in read_corpus("librispeech", corpora) if u.speaker in talkers))[:48_000]
    kurtosis = [np.mean(x**4) / np.mean(x**2) ** 2 for x in (first, one)]
    assert kurtosis[0] < kurtosis[1]  # many voices are nearer to a Gaussian than one
