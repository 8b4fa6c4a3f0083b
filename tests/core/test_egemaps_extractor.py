"""The whole extractor: streaming, smoothing, finiteness, and openSMILE's numbers on speech."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from edge_app.core.features import Egemaps, make_extractor
from edge_app.core.features.egemaps.extractor import VERSION
from edge_app.core.features.egemaps.names import (
    ANALYSED_COLUMN,
    BY_VOICING_COLUMN,
    COLUMNS,
    DESCRIPTORS,
    FUNCTIONALS,
    PITCH_COLUMN,
    SPECTRAL,
    WITHOUT_FORMANTS,
)
from edge_app.core.features.egemaps.smoothing import NO_AMPLITUDE, Smoother
from edge_app.core.types import Floats
from edge_app.demo import CLIP
from edge_app.errors import FeatureMismatch

AMPLITUDE = DESCRIPTORS.index("F1amplitudeLogRelF0_sma3nz")


def whole(samples: np.ndarray) -> Floats:
    extractor = Egemaps()
    return np.concatenate((extractor.feed(samples.astype(np.float32)), extractor.finish()))


@pytest.fixture(scope="module")
def speech() -> Floats:
    return soundfile.read(CLIP, dtype="float32")[0][: 5 * 16000]


@pytest.fixture(scope="module")
def smile():
    opensmile = pytest.importorskip("opensmile")

    def describe(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        levels = opensmile.FeatureLevel.LowLevelDescriptors, opensmile.FeatureLevel.Functionals
        found = (opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level)(samples, 16000).squeeze() for level in levels)
        lld, functionals = found
        return lld.T, functionals

    return describe


def synthetic(rng: np.random.Generator) -> dict[str, np.ndarray]:
    time = np.arange(16000) / 16000
    click = np.zeros(16000)
    click[[0, 4000, 15999]] = 1
    return {
        "noise": rng.normal(0, 0.1, 16000),
        "faint noise": rng.normal(0, 1e-5, 16000),
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "high tone": 0.5 * np.sin(2 * np.pi * 7900 * time),
        "low tone": 0.5 * np.sin(2 * np.pi * 5 * time),
        "chirp": 0.9 * np.sin(2 * np.pi * (50 * time + 3900 * time**2)),
        "square": np.sign(np.sin(2 * np.pi * 100 * time)),
        "clicks": click,
        "silence": np.zeros(16000),
        "offset": np.full(16000, 0.3),
        "full offset": np.ones(16000),
    }


SOUNDS = list(synthetic(np.random.default_rng(0)))


@pytest.mark.parametrize("name", SOUNDS)
def test_frames_and_functionals_are_finite(rng, name):
    frames = whole(synthetic(rng)[name])
    assert frames.shape == (99, COLUMNS)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()
    assert np.isfinite(Egemaps().summarise(frames, 99)).all()


@pytest.mark.parametrize("length", [0, 1, 319, 320, 479, 480, 959, 960, 1119, 1120, 2500])
def test_short_audio_has_all_its_frames(rng, length):
    frames = whole(rng.normal(0, 0.1, length))
    assert len(frames) == max(0, (length - 320) // 160 + 1)
    assert frames[:, ANALYSED_COLUMN].sum() == max(0, (length - 960) // 160 + 1)


@pytest.mark.parametrize("blocks", ["one by one", "hop", "prime", "random", "empty between"])
def test_frames_do_not_depend_on_block_sizes(rng, speech, blocks):
    samples = np.concatenate((speech[:20000], rng.normal(0, 0.1, 3000).astype(np.float32), np.zeros(2000, np.float32)))
    expected = whole(samples)
    cuts = {
        "one by one": np.arange(1, 4000),
        "hop": np.arange(160, 25000, 160),
        "prime": np.arange(317, 25000, 317),
        "random": np.sort(rng.integers(0, 25000, 40)),
        "empty between": np.repeat(np.arange(700, 25000, 700), 2),
    }[blocks]
    extractor = Egemaps()
    pieces = [extractor.feed(block) for block in np.split(samples, cuts)]
    assert np.array_equal(np.concatenate((*pieces, extractor.finish())), expected)


def test_a_frame_is_known_when_its_length_says(speech):
    extractor = Egemaps()
    assert len(extractor.feed(speech[: extractor.frame_length - 1])) == 0
    assert len(extractor.feed(speech[extractor.frame_length - 1 : extractor.frame_length])) == 1
    assert len(extractor.feed(speech[extractor.frame_length : extractor.frame_length + 160])) == 1


def test_reset_forgets_all_audio(speech):
    extractor = Egemaps()
    first = extractor.feed(speech[:16000])
    extractor.reset()
    assert np.array_equal(extractor.feed(speech[:16000]), first)


def test_16_bits_are_heard():
    quantum = 1 / 32768
    assert np.array_equal(whole(np.full(3200, 0.9 * quantum)), whole(np.zeros(3200)))
    assert not np.array_equal(whole(np.full(3200, 1.1 * quantum)), whole(np.zeros(3200)))


def test_another_version_is_refused():
    with pytest.raises(FeatureMismatch, match=f"version {VERSION + 1}"):
        make_extractor("egemaps", {"version": VERSION + 1})


def test_smoothing_by_hand():
    frames = np.zeros((5, COLUMNS), dtype=np.float32)
    frames[:, ANALYSED_COLUMN] = 1
    frames[:, 0] = [0, 3, 6, 9, 0]
    frames[1:4, PITCH_COLUMN] = [30, 33, 33]
    frames[:, PITCH_COLUMN + 1] = [9, 0, 2, 4, 9]
    frames[:, SPECTRAL.index("alphaRatio")] = [3, 10, 20, 30, 5]
    smoother = Smoother()
    found = np.concatenate((smoother.feed(frames[:1]), smoother.feed(frames[1:]), smoother.finish()))
    np.testing.assert_allclose(found[:, 0], [1, 3, 6, 5, 3])
    np.testing.assert_allclose(found[:, PITCH_COLUMN], [0, 31.5, 32, 33, 0])
    np.testing.assert_allclose(found[:, PITCH_COLUMN + 1], [0, 0, 3, 3, 0])
    np.testing.assert_allclose(found[:, BY_VOICING_COLUMN], [3, 15, 20, 25, 5])
    assert found[0, AMPLITUDE] == pytest.approx(NO_AMPLITUDE)


def test_without_formants_all_else_is_the_same(speech):
    full, lean = Egemaps(), Egemaps(formants=False)
    there = np.isin(FUNCTIONALS, WITHOUT_FORMANTS)
    assert lean.functionals == WITHOUT_FORMANTS
    assert lean.size == len(WITHOUT_FORMANTS) == 68
    assert not [name for name in WITHOUT_FORMANTS if name.startswith(("F1", "F2", "F3")) or "H1-A3" in name]
    assert lean.spec.digest != full.spec.digest
    window, same = (
        extractor.summarise(np.concatenate((extractor.feed(speech), extractor.finish())), 1)
        for extractor in (lean, full)
    )
    np.testing.assert_array_equal(window, same[there])
    assert same[~there].all()


def spectral_agreement(frames: Floats, lld: np.ndarray) -> list[float]:
    count = min(len(frames), len(lld))
    return [np.corrcoef(frames[:count, place], lld[:count, place])[0, 1] for place in range(len(SPECTRAL))]


def test_spectral_descriptors_are_opensmiles_on_the_demo(speech, smile):
    frames = whole(speech)
    lld, _ = smile(speech)
    np.testing.assert_allclose(frames[2 : len(lld), :5], lld[2:, :5], atol=0.002)
    assert min(spectral_agreement(frames, lld)) > 0.999


def test_functionals_of_the_spectrum_are_opensmiles_on_the_demo(speech, smile):
    frames = whole(speech)
    found = Egemaps().summarise(frames, len(frames))
    expected = smile(speech)[1]
    for place, name in enumerate(FUNCTIONALS):
        if (
            name.startswith(("loudness", "spectralFlux_", "mfcc1_", "mfcc2_", "mfcc3_", "mfcc4_"))
            and "lope" not in name
        ):
            assert found[place] == pytest.approx(expected[place], rel=0.01, abs=1e-3), name
    level = FUNCTIONALS.index("equivalentSoundLevel_dBp")
    assert found[level] == pytest.approx(expected[level], abs=0.2)


@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "nemo", "urdu"])
def test_agrees_with_opensmile_on_real_speech(corpora, smile, corpus):
    train = pytest.importorskip("train.corpora")
    utterances = train.read_corpus(corpus, corpora)
    pairs = []
    for utterance in utterances[:: max(1, len(utterances) // 5)][:5]:
        audio = train.read_utterance(utterance)
        frames = whole(audio)
        lld, _ = smile(audio)
        assert min(spectral_agreement(frames, lld)) > 0.99
        count = min(len(frames), len(lld))
        pairs.append((frames[:count, PITCH_COLUMN], lld[:count, PITCH_COLUMN]))
    ours, theirs = (np.concatenate(column) for column in zip(*pairs, strict=True))
    assert np.mean((ours > 0) == (theirs > 0)) > 0.85
    both = (ours > 0) & (theirs > 0)
    assert np.median(np.abs(ours[both] - theirs[both])) < 0.5
