from __future__ import annotations

import numpy as np
import pytest
import soundfile

from edge_app.errors import CorpusError
from train.noise import NoiseBank, mix_at_snr, rms, speech_mask


@pytest.fixture
def folder(tmp_path, rng):
    """Three recordings of a constant level each, so that every sample tells where it is from."""
    for name, level in (("1-a.wav", 0.1), ("2-b.wav", 0.2), ("deep/3-c.wav", 0.3)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.full(8000, level), 16_000, subtype="FLOAT")
    return tmp_path


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 20.0])
def test_the_ratio_is_the_one_asked_for(rng, snr):
    speech = rng.normal(0, 0.02, 16_000).astype(np.float32)
    noise = rng.normal(0, 0.3, 20_000).astype(np.float32)
    mixed = mix_at_snr(speech, noise, snr)
    added = mixed - speech
    assert mixed.dtype == np.float32
    measured = 20 * np.log10(rms(speech[speech_mask(speech)]) / rms(added))
    assert measured == pytest.approx(snr, abs=0.01)


def test_pauses_do_not_count_as_speech(rng):
    loud = rng.normal(0, 0.1, 16_000)
    speech = np.concatenate((np.zeros(16_000), loud, np.zeros(16_000))).astype(np.float32)
    noise = rng.normal(0, 0.1, len(speech)).astype(np.float32)
    added = mix_at_snr(speech, noise, 0.0)[:16_000]
    assert rms(added) == pytest.approx(rms(loud.astype(np.float32)), rel=0.15)


def test_a_sum_beyond_full_scale_is_turned_down(rng):
    speech = rng.uniform(-1, 1, 16_000).astype(np.float32)
    mixed = mix_at_snr(speech, rng.uniform(-1, 1, 16_000).astype(np.float32), -10.0)
    assert np.abs(mixed).max() == pytest.approx(1.0)


def test_silence_and_short_noise_are_refused(rng):
    sound, silence = rng.normal(0, 0.1, 800).astype(np.float32), np.zeros(800, dtype=np.float32)
    with pytest.raises(CorpusError, match="the noise is silent"):
        mix_at_snr(sound, silence, 0)
    with pytest.raises(CorpusError, match="the speech is silent"):
        mix_at_snr(silence, sound, 0)
    with pytest.raises(CorpusError, match="too few"):
        mix_at_snr(sound, sound[:-1], 0)


def test_short_recordings_are_joined_to_different_ones(folder, rng):
    bank = NoiseBank(folder)
    assert bank.names == ["1-a.wav", "2-b.wav", "deep/3-c.wav"]
    for _ in range(20):
        values, counts = np.unique(bank.draw(24_000, rng).round(3), return_counts=True)
        assert values.tolist() == pytest.approx([0.1, 0.2, 0.3])
        assert counts.tolist() == [8000] * 3
    assert len(bank.draw(30_000, rng)) == 30_000
    assert len(np.unique(bank.draw(4_000, rng))) == 1


def test_the_place_is_random_and_seeded(tmp_path, rng):
    soundfile.write(tmp_path / "ramp.wav", np.linspace(0.01, 0.9, 32_000), 16_000, subtype="FLOAT")
    bank = NoiseBank(tmp_path)
    starts = {float(bank.draw(1000, np.random.default_rng(seed))[0]) for seed in range(10)}
    assert len(starts) == 10
    assert np.array_equal(bank.draw(1000, np.random.default_rng(3)), bank.draw(1000, np.random.default_rng(3)))


def test_a_pattern_chooses_recordings(folder):
    assert NoiseBank(folder, "[12]-*").names == ["1-a.wav", "2-b.wav"]


def test_padding_is_cut_off(tmp_path, rng):
    burst = rng.normal(0, 0.1, 3200)
    soundfile.write(tmp_path / "dog.wav", np.concatenate((np.zeros(1600), burst, np.zeros(64_000))), 16_000)
    bank = NoiseBank(tmp_path)
    assert all(rms(bank.draw(800, np.random.default_rng(seed))) > 0.05 for seed in range(20))


def test_a_silent_recording_is_refused_by_name(folder):
    soundfile.write(folder / "quiet.wav", np.zeros(800), 16_000)
    with pytest.raises(CorpusError, match=r"quiet\.wav: this recording of noise is silent"):
        NoiseBank(folder)


@pytest.mark.parametrize(("name", "says"), [("none", "none: no such folder"), ("deep/empty", "no recordings of noise")])
def test_no_recordings(folder, name, says):
    (folder / "deep" / "empty").mkdir()
    with pytest.raises(CorpusError, match=says):
        NoiseBank(folder / name)
