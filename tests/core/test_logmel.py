"""The front end: librosa's values, for any block sizes, now and in later versions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.core.features import LogMel, LogMelStatistics

GOLDEN = Path(__file__).parent / "golden_logmel.npz"
TOLERANCE = 1e-4


def librosa_logmel(samples: np.ndarray) -> np.ndarray:
    librosa = pytest.importorskip("librosa")
    # librosa pads a frame to n_fft and computes in the precision of its input, so double is asked for.
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float64), sr=16000, n_fft=512, hop_length=256, window="hann", center=False, n_mels=128
    )
    return librosa.power_to_db(power, ref=1, amin=1e-10, top_db=None).T


def synthetic(rng: np.random.Generator) -> dict[str, np.ndarray]:
    time = np.arange(16000) / 16000
    click = np.zeros(16000)
    click[[0, 4000, 15999]] = 1
    return {
        "noise": rng.normal(0, 0.1, 16000),
        "faint noise": rng.normal(0, 1e-5, 16000),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "chirp": 0.9 * np.sin(2 * np.pi * (50 * time + 3900 * time**2)),
        "square": np.sign(np.sin(2 * np.pi * 100 * time)),
        "clicks": click,
        "silence": np.zeros(16000),
        "offset": np.full(16000, 0.3),
    }


@pytest.mark.parametrize("name", ["noise", "faint noise", "tone", "chirp", "square", "clicks", "silence", "offset"])
def test_equals_librosa_on_synthetic_audio(rng, name):
    samples = synthetic(rng)[name].astype(np.float32)
    found = LogMel().feed(samples)
    assert found.shape == (61, 128)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, librosa_logmel(samples), rtol=0, atol=TOLERANCE)


@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "nemo", "urdu"])
def test_equals_librosa_on_real_speech(corpora, corpus):
    paths = sorted(path for path in (corpora / corpus).rglob("*") if path.suffix in (".wav", ".flac", ".opus"))
    for path in paths[:: max(1, len(paths) // 5)][:5]:
        with soundfile.SoundFile(path) as file:
            samples = file.read(4 * file.samplerate, dtype="float32", always_2d=True)[:, 0]
        np.testing.assert_allclose(LogMel().feed(samples), librosa_logmel(samples), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("blocks", ["one by one", "hop", "frame", "prime", "random", "empty between"])
def test_frames_do_not_depend_on_block_sizes(rng, blocks):
    samples = rng.normal(0, 0.1, 5000).astype(np.float32)
    whole = LogMel().feed(samples)
    cuts = {
        "one by one": np.arange(1, 5000),
        "hop": np.arange(256, 5000, 256),
        "frame": np.arange(512, 5000, 512),
        "prime": np.arange(317, 5000, 317),
        "random": np.sort(rng.integers(0, 5000, 40)),
        "empty between": np.repeat(np.arange(700, 5000, 700), 2),
    }[blocks]
    extractor = LogMel()
    pieces = [extractor.feed(block) for block in np.split(samples, cuts)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_reset_forgets_all_audio(rng):
    samples = rng.normal(0, 0.1, 3000).astype(np.float32)
    extractor = LogMel()
    first = extractor.feed(samples)
    extractor.reset()
    assert np.array_equal(extractor.feed(samples), first)


def test_too_little_audio_gives_no_frames():
    extractor = LogMel()
    assert extractor.feed(np.zeros(0, np.float32)).shape == (0, 128)
    assert extractor.feed(np.zeros(511, np.float32)).shape == (0, 128)
    assert extractor.feed(np.zeros(1, np.float32)).shape == (1, 128)


def test_silence_lies_on_the_floor():
    assert np.all(LogMel().feed(np.zeros(2000, np.float32)) == -100)


def test_values_are_those_of_the_version_that_trained_the_shipped_models():
    """Made by ``LogMel().feed(samples / 32768)`` in version 0.1.0; a change here asks for new models."""
    golden = np.load(GOLDEN)
    found = LogMel().feed(golden["samples"].astype(np.float32) / 32768)
    np.testing.assert_allclose(found, golden["frames"], rtol=0, atol=TOLERANCE)


def test_spec_parameters_are_the_arguments():
    extractor = LogMel(bands=40, low=60.0, high=7000.0)
    assert dict(extractor.spec.parameters) == {
        "bands": 40, "frame_length": 512, "frame_hop": 256, "low": 60.0, "high": 7000.0,
    }  # fmt: skip
    assert extractor.feed(np.zeros(512, np.float32)).shape == (1, 40)


def test_statistics_are_mean_and_deviation_of_librosas_bands(rng):
    samples = rng.normal(0, 0.1, 16000).astype(np.float32)
    expected = librosa_logmel(samples)
    extractor = LogMelStatistics()
    found = extractor.summarise(extractor.feed(samples), len(expected))
    assert found.shape == (extractor.size,) == (256,)
    np.testing.assert_allclose(found, [*expected.mean(axis=0), *expected.std(axis=0)], atol=TOLERANCE)
