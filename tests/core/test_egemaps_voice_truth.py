"""Descriptors of the voice against what made voices were made of, and against openSMILE on real speech."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from edge_app.core.features.egemaps.voice import VoiceDescriptors

RATE = 16000
PITCH, JITTER, SHIMMER, HNR, H1_H2, H1_A3 = range(6)
FORMANTS = [6, 7, 9, 10, 12, 13]
STEADY = slice(10, -10)


def describe(samples: np.ndarray) -> np.ndarray:
    extractor = VoiceDescriptors()
    return np.concatenate([extractor.feed(samples.astype(np.float32)), extractor.finish()])


def resonance(hertz: float, bandwidth: float, length: int = 600) -> np.ndarray:
    """Impulse response of a two-pole resonator."""
    angle, radius = 2 * np.pi * hertz / RATE, np.exp(-np.pi * bandwidth / RATE)
    number = np.arange(length)
    return radius**number * np.sin(angle * (number + 1)) / np.sin(angle)


def voice(periods: np.ndarray, heights: np.ndarray, formants: list[tuple[float, float]]) -> np.ndarray:
    """Pulses of given distances and heights through resonators in series."""
    onsets = np.cumsum(periods)
    samples = np.zeros(onsets[-1] + 1)
    samples[onsets] = heights
    for hertz, bandwidth in formants:
        samples = np.convolve(samples, resonance(hertz, bandwidth))[: len(samples)]
    return 0.5 * samples / np.abs(samples).max()


@pytest.mark.parametrize("period", [80, 110])
@pytest.mark.parametrize("spread", [0, 1, 2, 4])
def test_jitter_of_random_periods(rng, period, spread):
    periods = period + rng.integers(-spread, spread + 1, 200)
    jitter = describe(voice(periods, np.ones(200), [(700, 200), (1800, 200)]))[STEADY, JITTER]
    assert jitter.mean() == pytest.approx(np.abs(np.diff(periods)).mean() / period, rel=0.12, abs=1e-4)


@pytest.mark.parametrize("ratio", [1.0, 1.1, 1.3])
def test_shimmer_of_alternating_heights(ratio):
    """In dB, of one and the difference over the mean."""
    heights = np.where(np.arange(150) % 2, ratio, 1.0)
    shimmer = describe(voice(np.full(150, 80), heights, [(700, 300)]))[STEADY, SHIMMER]
    expected = 20 * np.log10(1 + (ratio - 1) / ((1 + ratio) / 2))
    assert shimmer.mean() == pytest.approx(expected, rel=0.1, abs=0.01)


@pytest.mark.parametrize("period", [20, 40, 80, 160])
def test_harmonics_to_noise_of_a_tone_is_that_of_the_window(period):
    """A Gaussian window of deviation s has the autocorrelation exp(-T^2 / 4 s^2), and 60 ms cut off little of it."""
    tone = 0.3 * np.sin(2 * np.pi * np.arange(8000) / period)
    deviation = 0.4 * 479.5
    correlation = np.exp(-(period**2) / (4 * deviation**2))
    expected = 10 * np.log10(correlation / (1 - correlation))
    np.testing.assert_allclose(describe(tone)[STEADY, HNR], expected, rtol=0, atol=0.5)


def test_harmonics_to_noise_falls_with_noise(rng):
    tone = 0.3 * np.sin(2 * np.pi * np.arange(16000) / 80)
    noise = rng.normal(0, 1, 16000)
    ratios = [describe(tone + level * noise)[STEADY, HNR].mean() for level in (0, 0.03, 0.1)]
    assert ratios[0] > ratios[1] + 1 > ratios[2] + 2


def test_harmonic_differences():
    """Amplitudes fall as 1 / number: second over third, and second over the strongest near the third formant."""
    time = np.arange(8000) / RATE
    rows = describe(0.1 * sum(np.sin(2 * np.pi * 250 * k * time) / k for k in range(1, 31)))[STEADY]
    np.testing.assert_allclose(rows[:, H1_H2], 20 * np.log10(3 / 2), rtol=0, atol=0.1)
    strongest = np.ceil(0.8 * rows[:, 12].astype(np.float64) / 250)
    np.testing.assert_allclose(rows[:, H1_A3], 20 * np.log10(strongest / 2), rtol=0, atol=0.1)
    for formant in (6, 9, 12):
        strongest = np.ceil(0.8 * rows[:, formant].astype(np.float64) / 250)
        np.testing.assert_allclose(rows[:, formant + 2], -20 * np.log10(strongest), rtol=0, atol=0.1)


@pytest.mark.corpus
@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "nemo"])
def test_agrees_with_opensmile_on_real_speech(corpora, corpus):
    """Both smoothed over three frames within voiced runs, as openSMILE's descriptors come."""
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    names = ["F0semitoneFrom27.5Hz", "HNRdBACF", "logRelF0-H1-H2", "logRelF0-H1-A3"]
    names += [f"F{number}{kind}" for number in (1, 2, 3) for kind in ("frequency", "bandwidth")]
    paths = sorted(path for path in (corpora / corpus).rglob("*") if path.suffix in (".wav", ".flac", ".opus"))
    ours, theirs = [], []
    for path in paths[:: max(1, len(paths) // 8)][:8]:
        with soundfile.SoundFile(path) as file:
            samples = file.read(dtype="float32", always_2d=True)[:, 0]
            if file.samplerate != RATE:
                samples = pytest.importorskip("soxr").resample(samples, file.samplerate, RATE)
        rows = describe(np.trunc(samples * 32768) / 32768)[:, [PITCH, HNR, H1_H2, H1_A3, *FORMANTS]].astype(np.float64)
        padded = np.pad(rows, ((1, 1), (0, 0)))
        near = np.stack([padded[:-2], padded[1:-1], padded[2:]])
        filled = near[:, :, :1] != 0
        smooth = (near * filled).sum(axis=0) / np.maximum(filled.sum(axis=0), 1) * filled[1]
        reference = smile.process_signal(samples, RATE)[[f"{name}_sma3nz" for name in names]].to_numpy()
        ours.append(smooth)
        theirs.append(reference[: len(smooth)])
    found, expected = np.concatenate(ours), np.concatenate(theirs)
    voiced = (found[:, 0] > 0) & (expected[:, 0] > 0)
    assert np.mean((found[:, 0] > 0) == (expected[:, 0] > 0)) > 0.997
    assert np.quantile(np.abs(found - expected)[voiced, 0], 0.99) < 0.01
    for column, least in ((1, 0.97), (2, 0.85), (3, 0.85), *((column, 0.9) for column in range(4, 10))):
        assert np.corrcoef(found[voiced, column], expected[voiced, column])[0, 1] > least
