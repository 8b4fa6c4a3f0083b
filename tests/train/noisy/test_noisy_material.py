"""What noise is made of, and that it is made of each recording once and on one side only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.errors import CorpusError
from train.corpora import Utterance, read_corpus
from train.noise import rms
from train.noisy.material import KINDS, VOICES, NoiseMaker, NoiseMaterial, steady
from train.noisy.sides import SIDES, side_of_recording, side_of_speaker


def make(material: NoiseMaterial, kind: str, seconds: float, seed: int = 0):
    return NoiseMaker(material, np.random.default_rng(seed)).make(kind, round(16_000 * seconds))


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_as_long_as_asked_for_and_of_one_level(material: NoiseMaterial, kind: str) -> None:
    for seconds in (0.3, 1.0, 4.7):
        noise = make(material, kind, seconds)
        assert noise.samples.shape == (round(16_000 * seconds),)
        assert noise.samples.dtype == np.float32
        assert rms(noise.samples) == pytest.approx(0.1, rel=1e-4)
        assert noise.kind == kind


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_twice_in_a_clip(material: NoiseMaterial, kind: str) -> None:
    maker = NoiseMaker(material, np.random.default_rng(4))
    sources = [source for _ in range(3) for source in maker.make(kind, 16_000).sources]
    assert len(sources) == len(set(sources)) > 2


def test_a_stretch_of_noise_is_not_repeated(material: NoiseMaterial) -> None:
    noise = make(material, "environment", 12.0).samples.astype(np.float64)
    spectrum = np.fft.rfft(noise, 2 * len(noise))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: len(noise)] / np.sum(noise**2)
    assert np.abs(likeness[100:]).max() < 0.1  # a loop of 3 s would show as 0.75


def test_babble_is_of_different_people(material: NoiseMaterial) -> None:
    for seed in range(5):
        sources = make(material, "babble", 1.5, seed).sources
        assert len({source.split("/")[1].split("-")[0] for source in sources}) == len(sources) == VOICES


def test_too_little_noise_is_refused(material: NoiseMaterial) -> None:
    with pytest.raises(CorpusError, match=r"on the test side is too short for 60\.0 s of noise") as caught:
        make(material, "environment", 60.0)
    assert "\n" not in str(caught.value)
    with pytest.raises(CorpusError, match="s of speech that is left on the test side is too short"):
        make(material, "babble", 20.0)


def test_the_same_seed_makes_the_same_noise(material: NoiseMaterial) -> None:
    for kind in KINDS:
        first, again, other = (make(material, kind, 2.0, seed) for seed in (1, 1, 2))
        assert np.array_equal(first.samples, again.samples)
        assert first.sources == again.sources
        assert not np.array_equal(first.samples, other.samples)


def test_sides_share_nothing(talkers: list[Utterance], sounds: Path) -> None:
    train, test = (NoiseMaterial(side, talkers, sounds) for side in SIDES)
    assert (len(train.spoken), len(test.spoken)) == (6, 6)
    assert not set(train.spoken) & set(test.spoken)
    folds = [{path.stem[0] for paths in each.sounds.values() for path in paths} for each in (train, test)]
    assert folds == [{"1", "2", "3"}, {"4", "5"}]


def test_a_recording_stays_on_its_side() -> None:
    assert side_of_recording("3-155312-A") == "train"
    assert side_of_recording("5-212698-B-0") == "test"
    names = [f"clip{number}" for number in range(2000)]
    share = np.mean([side_of_recording(name) == "train" for name in names])
    assert share == pytest.approx(0.6, abs=0.04)
    assert side_of_speaker("librispeech/84", "test-other") == "test"
    assert side_of_speaker("librispeech/84", "train-clean-100") == side_of_speaker("librispeech/84", None)


@pytest.mark.corpus
def test_sides_of_the_real_recordings_share_nothing(corpora: Path) -> None:
    spoken = [utterance for name in ("librispeech", "barista") for utterance in read_corpus(name, corpora)]
    train, test = (NoiseMaterial(side, spoken, corpora / "noise") for side in SIDES)
    assert not set(train.spoken) & set(test.spoken)
    assert min(len(train.spoken), len(test.spoken)) > 100
    paths = [{path for paths in each.sounds.values() for path in paths} for each in (train, test)]
    assert not paths[0] & paths[1]
    # One recording of Freesound, the second part of a name, may be cut into several clips.
    recordings = [{path.stem.split("-")[1] for path in found if path.stem.count("-") == 2} for found in paths]
    assert not recordings[0] & recordings[1]


def test_steady_noise_is_left_out(rng: np.random.Generator, tmp_path: Path) -> None:
    white = rng.normal(0, 0.1, 48_000).astype(np.float32)
    spectrum = np.fft.rfft(rng.normal(size=160_000))
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 200))).astype(np.float32)
    slow = (1 + 0.5 * np.sin(2 * np.pi * np.arange(48_000) / 16_000)).astype(np.float32)
    assert steady(white)
    assert steady(pink)
    assert not steady(white * slow)
    for name, sound in (("4-1-A", white), ("4-2-A", white * slow)):
        soundfile.write(tmp_path / f"{name}.wav", sound, 16_000)
    heard = make(NoiseMaterial("test", [], tmp_path), "environment", 2.0)
    assert heard.sources == (f"{tmp_path.name}/4-2-A",)


def test_what_is_silent_or_narrow_is_named(rng: np.random.Generator, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "4-1-A.wav", np.zeros(16_000), 16_000)
    with pytest.raises(CorpusError, match=r"4-1-A\.wav: this recording of noise is silent"):
        make(NoiseMaterial("test", [], tmp_path), "environment", 0.5)
    soundfile.write(tmp_path / "4-1-A.wav", rng.normal(0, 0.1, 8_000), 8_000)
    with pytest.raises(CorpusError, match=r"4-1-A\.wav: sampled at 8 kHz"):
        make(NoiseMaterial("test", [], tmp_path), "environment", 0.5)


def test_higher_rates_are_resampled(tmp_path: Path) -> None:
    time = np.arange(44_100 * 2) / 44_100
    tone = np.sin(2 * np.pi * 1000 * time) * (1 + 0.8 * np.sin(2 * np.pi * 0.5 * time)) / 2
    soundfile.write(tmp_path / "4-1-A.wav", tone, 44_100)
    noise = make(NoiseMaterial("test", [], tmp_path), "environment", 1.5).samples
    spectrum = np.abs(np.fft.rfft(noise * np.hanning(len(noise))))
    assert np.argmax(spectrum) * 16_000 / len(noise) == pytest.approx(1000, abs=2)


def test_a_side_without_recordings_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "1-1-A.wav", np.ones(160), 16_000)
    with pytest.raises(CorpusError, match="no recordings of noise on the test side"):
        NoiseMaterial("test", [], tmp_path)
