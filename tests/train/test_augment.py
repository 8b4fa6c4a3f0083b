import numpy as np
import pytest
import torch
from scipy import signal

from train.augment import WaveformAugmenter, band_limit, in_room
from train.config import SpectrumConfig, WaveformConfig
from train.noise import NoiseBank
from train.rooms import room_responses
from train.spectrum import MARGIN, mask_spectrum, mix, vary_spectrum


@pytest.fixture
def noise(rng):
    return rng.normal(0, 0.1, 16000).astype(np.float32)


def test_rooms_are_seeded_and_decay():
    responses = room_responses(3, seed=2)
    for response in responses:
        assert np.abs(response).max() == pytest.approx(1)
        energy = np.cumsum(response[::-1] ** 2)[::-1]
        assert 10 * np.log10(energy[len(energy) * 3 // 4] / energy[0]) < -15
    room_responses.cache_clear()
    np.testing.assert_array_equal(responses[1], room_responses(3, seed=2)[1])


def test_a_room_keeps_length_and_level(noise):
    wet = in_room(noise, room_responses(3, seed=2)[0])
    assert len(wet) == len(noise)
    assert np.mean(wet**2) == pytest.approx(np.mean(noise**2), rel=1e-3)
    assert np.array_equal(in_room(np.zeros(100, np.float32), room_responses(3, seed=2)[0]), np.zeros(100))


def test_band_limiting_removes_what_lies_beyond(noise):
    frequency, before = signal.welch(noise, 16000)
    _, after = signal.welch(band_limit(noise, 3000, "lowpass"), 16000)
    assert 10 * np.log10(after[frequency > 6000].mean() / before[frequency > 6000].mean()) < -20
    assert 10 * np.log10(after[frequency < 2000].mean() / before[frequency < 2000].mean()) == pytest.approx(0, abs=1)


def test_augmented_speech_is_bounded_seeded_and_survives_silence(voices, noise):
    augment = WaveformAugmenter(WaveformConfig(), room_responses(3, seed=2), NoiseBank(voices.parent / "noise"))
    first = augment(noise, np.random.default_rng(5))
    np.testing.assert_array_equal(first, augment(noise, np.random.default_rng(5)))
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1
    for seed in range(10):
        assert np.isfinite(augment(np.zeros(8000, np.float32), np.random.default_rng(seed))).all()


class Tone:
    """A noise that is told by its frequency."""

    def __init__(self, frequency):
        self.name = f"{frequency} Hz"
        self._frequency = frequency

    def draw(self, length, rng):
        return np.sin(2 * np.pi * self._frequency * np.arange(length) / 16_000).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_people_talk_in_as_much_of_the_noise_as_told(share):
    config = WaveformConfig(noise_probability=1.0, room_probability=0, band_probability=0, babble=share)
    augment = WaveformAugmenter(config, (), Tone(1000), Tone(2000))
    rng = np.random.default_rng(3)
    spectra = [np.abs(np.fft.rfft(augment(np.full(16_000, 0.1, np.float32), rng))) for _ in range(200)]
    assert np.mean([spectrum[2000] > spectrum[1000] for spectrum in spectra]) == pytest.approx(share, abs=0.1)


def test_spectrum_without_variation_is_the_window_itself():
    frames = torch.randn(3, 61 + 2 * MARGIN, 128)
    still = SpectrumConfig(gain=0, equaliser=0, stretch=0, shift=0, mask_bands=0, mask_frames=0, mixup=0)
    varied = vary_spectrum(frames, still, torch.Generator())
    torch.testing.assert_close(varied, frames[:, MARGIN:-MARGIN], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mask_spectrum(varied, still, torch.Generator()), varied)


def test_gain_moves_all_of_a_window_by_the_same_decibels():
    config = SpectrumConfig(gain=10, equaliser=0, stretch=0, shift=0)
    change = vary_spectrum(torch.zeros(8, 73, 128), config, torch.Generator().manual_seed(1))
    assert (change.amax((1, 2)) - change.amin((1, 2))).max() < 1e-5
    assert 1 < change.abs().max() <= 10


def test_masks_are_no_wider_than_told():
    config = SpectrumConfig(mask_bands=16, mask_frames=12)
    masked = mask_spectrum(torch.ones(64, 61, 128), config, torch.Generator().manual_seed(1)) == 0
    assert masked.all(1).sum(1).max() <= 16
    assert masked.all(2).sum(1).max() <= 12
    assert masked.any()


def test_mixtures_are_convex_and_mostly_themselves():
    features, target = torch.randn(32, 61, 128), torch.eye(32)
    mixed, (weights,) = mix(features, [target], 0.3, torch.Generator().manual_seed(1))
    torch.testing.assert_close(weights.sum(1), torch.ones(32))
    assert (weights.diagonal() >= 0.5).all()
    torch.testing.assert_close(mixed, (weights @ features.flatten(1)).reshape(features.shape))
