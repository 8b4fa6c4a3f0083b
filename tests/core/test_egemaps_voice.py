"""Descriptors of the voice: the same for any block sizes, finite for any audio, and true of made voices."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.egemaps.voice import VoiceDescriptors

TIME = np.arange(16000) / 16000


def describe(samples: np.ndarray) -> np.ndarray:
    extractor = VoiceDescriptors()
    return np.concatenate([extractor.feed(samples.astype(np.float32)), extractor.finish()])


def harmonic_series(hertz: float) -> np.ndarray:
    """Harmonics whose amplitudes fall as 1 / number, at 0.1 for the fundamental."""
    return 0.1 * sum(np.sin(2 * np.pi * hertz * k * TIME) / k for k in range(1, int(7800 / hertz)))


def speechlike(rng: np.random.Generator) -> np.ndarray:
    """A voice that glides over two octaves, stops and starts, in some noise; of 16 bits."""
    hertz = 120 * 2 ** (4 * TIME)
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    voice = sum(np.sin(k * phase) * (k * hertz < 7000) / k for k in range(1, 60))
    samples = 0.1 * voice * (np.sin(2 * np.pi * 5 * TIME) > -0.3) + rng.normal(0, 0.005, len(TIME))
    return np.round(samples * 32768) / 32768


@pytest.mark.parametrize("blocks", ["one by one", "hop", "frame", "prime", "random", "empty between"])
def test_frames_do_not_depend_on_block_sizes(rng, blocks):
    samples = speechlike(rng).astype(np.float32)[:8000]
    whole = describe(samples)
    assert whole.shape == ((8000 - 960) // 160 + 1, 15)
    assert np.any(whole[:, 0] > 0)
    assert np.any(whole[:, 0] == 0)
    cuts = {
        "one by one": np.arange(1, 8000),
        "hop": np.arange(160, 8000, 160),
        "frame": np.arange(960, 8000, 960),
        "prime": np.arange(317, 8000, 317),
        "random": np.sort(rng.integers(0, 8000, 40)),
        "empty between": np.repeat(np.arange(700, 8000, 700), 2),
    }[blocks]
    extractor = VoiceDescriptors()
    pieces = [extractor.feed(block) for block in np.split(samples, cuts)]
    assert np.array_equal(np.concatenate([*pieces, extractor.finish()]), whole)


def test_rows_come_after_the_declared_delay():
    samples = harmonic_series(150).astype(np.float32)
    extractor = VoiceDescriptors()
    due = extractor.frame_length + extractor.delay * extractor.frame_hop
    assert len(extractor.feed(samples[: due - 1])) == 0
    assert len(extractor.feed(samples[due - 1 : due])) == 1
    assert len(extractor.finish()) == extractor.delay


def test_reset_and_finish_forget_all_audio(rng):
    samples = speechlike(rng).astype(np.float32)
    extractor = VoiceDescriptors()
    first = extractor.feed(samples)
    extractor.reset()
    assert np.array_equal(extractor.feed(samples), first)
    extractor.finish()
    assert np.array_equal(extractor.feed(samples), first)


@pytest.mark.parametrize(
    "name", ["silence", "offset", "clicks", "tone", "noise", "faint", "clipped", "loud tone", "high tone"]
)
def test_finite_on_hard_audio(rng, name):
    clicks = np.zeros(16000)
    clicks[[0, 4000, 4160, 15999]] = 1
    samples = {
        "silence": np.zeros(16000),
        "offset": np.full(16000, 0.3),
        "clicks": clicks,
        "tone": 0.5 * np.sin(2 * np.pi * 440 * TIME),
        "noise": rng.normal(0, 0.1, 16000),
        "faint": rng.normal(0, 1e-9, 16000),
        "clipped": np.clip(20 * speechlike(rng), -1, 1),
        "loud tone": np.sign(np.sin(2 * np.pi * 100 * TIME)),
        "high tone": np.sin(2 * np.pi * 7990 * TIME),
    }[name]
    rows = describe(samples)
    assert rows.shape == (95, 15)
    assert rows.dtype == np.float32
    assert np.all(np.isfinite(rows))


def test_unvoiced_frames_are_zero_and_have_no_amplitudes(rng):
    rows = describe(np.concatenate([np.zeros(8000), rng.normal(0, 1e-4, 8000)]))
    expected = np.zeros(15, np.float32)
    expected[8::3] = -201
    assert np.array_equal(rows, np.tile(expected, (len(rows), 1)))


@pytest.mark.parametrize("hertz", [60, 80, 110, 150, 220, 300, 440, 600, 800, 950])
def test_pitch_of_a_harmonic_series(hertz):
    pitch = describe(harmonic_series(hertz))[:, 0]
    assert np.all(pitch > 0)
    assert np.abs(pitch - 12 * np.log2(hertz / 27.5)).max() < 0.1
