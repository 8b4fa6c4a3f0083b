"""A recording's ratio, measured in other ways than the program's own."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from fakes import voice

from edge_app.errors import CorpusError
from train.noisy.places import CONDITIONS, Place, draw_place
from train.noisy.receiver import FULL_SCALE, Device, clipped_share, convert, draw_device
from train.noisy.recording import FADE, LEAD, Part, record

DEVICE = Device(low=100.0, high=7000.0, cloth=0.0, level=-30.0)


@pytest.fixture(scope="module")
def place() -> Place:
    return draw_place("table", CONDITIONS["5dB"], "test", 0, 9)


@pytest.fixture
def speech(rng: np.random.Generator) -> np.ndarray:
    """Two seconds of something like speech, then two of silence."""
    return np.concatenate((voice(rng, 2.0), np.zeros(32_000, np.float32)))


def whole(rng: np.random.Generator, length: int, snr: float) -> Part:
    return Part(rng.normal(0, 0.1, LEAD + length).astype(np.float32), 0, length, snr)


@pytest.mark.parametrize("snr", [-5.0, 0.15, 4.34, 11.06, 20.0])
def test_the_ratio_can_be_read_off_the_recording_alone(
    rng: np.random.Generator, speech: np.ndarray, place: Place, snr: float
) -> None:
    found = record(speech, [whole(rng, len(speech), snr)], place, DEVICE, rng)
    # The noise is steady, so it is in the silence what it is under the speech, where powers add.
    noise = np.mean(np.square(found.samples[-16_000:], dtype=np.float64))
    both = np.mean(np.square(found.samples[found.spoken], dtype=np.float64))
    assert 10 * np.log10((both - noise) / noise) == pytest.approx(snr, abs=0.5)
    assert found.snr() == pytest.approx(snr, abs=0.05)


def test_the_ratio_is_that_of_speech_alone_to_the_difference(
    rng: np.random.Generator, speech: np.ndarray, place: Place
) -> None:
    part = whole(rng, len(speech), 4.34)
    without, with_noise = (record(speech, parts, place, DEVICE, np.random.default_rng(8)) for parts in ([], [part]))
    spoken = with_noise.spoken
    signal = np.mean(np.square(without.samples[spoken], dtype=np.float64))
    difference = np.mean(np.square(with_noise.samples.astype(np.float64) - without.samples))
    assert 10 * np.log10(signal / difference) == pytest.approx(4.34, abs=0.05)
    assert without.snr() == pytest.approx(45, abs=1)  # the receiver's own noise


def test_the_recording_is_in_time_with_the_speech(rng: np.random.Generator, place: Place) -> None:
    click = np.zeros(16_000, np.float32)
    click[8_000:8_400] = rng.normal(0, 0.3, 400)
    found = record(click, [], place, dataclasses.replace(DEVICE, low=20.0, high=7900.0), rng)
    likeness = np.correlate(found.samples[7_000:10_000].astype(np.float64), click[8_000:8_400].astype(np.float64))
    assert abs(int(np.argmax(likeness)) - 1_000) <= 3


def test_clipping_counts_against_the_ratio(rng: np.random.Generator, speech: np.ndarray, place: Place) -> None:
    part = whole(rng, len(speech), 20.0)
    loud = record(speech, [part], place, dataclasses.replace(DEVICE, level=-3.0), rng)
    assert np.abs(loud.samples).max() == 1.0
    assert loud.clipped == pytest.approx(np.mean((loud.samples >= FULL_SCALE) | (loud.samples == -1)))
    assert loud.clipped > 0.001
    assert loud.snr() < 19.0  # type: ignore[operator]
    faint = record(speech, [part], place, DEVICE, rng)
    assert faint.clipped == 0.0
    assert faint.snr() == pytest.approx(20.0, abs=0.05)


def test_parts_have_ratios_of_their_own_and_fade(rng: np.random.Generator, speech: np.ndarray, place: Place) -> None:
    middle = 40_000
    noise = [rng.normal(0, 0.1, LEAD + FADE + 40_000).astype(np.float32) for _ in range(2)]
    parts = [Part(noise[0], 0, middle, 0.0), Part(noise[1], middle, len(speech), 20.0)]
    found = record(speech, parts, place, DEVICE, rng)
    others = found.samples.astype(np.float64) - found.speech
    before, after = others[8_000 : middle - FADE], others[middle + FADE :]
    assert 10 * np.log10(np.mean(before**2) / np.mean(after**2)) == pytest.approx(20.0, abs=0.5)
    assert found.snr(48_000, 64_000) is None
    steps = [np.mean(others[at : at + 1_000] ** 2) for at in range(middle - FADE // 2, middle + FADE // 2, 1_000)]
    assert all(later < 1.3 * earlier for earlier, later in itertools.pairwise(steps))


def test_what_has_no_ratio_is_refused(rng: np.random.Generator, speech: np.ndarray, place: Place) -> None:
    part = whole(rng, len(speech), 5.0)
    with pytest.raises(CorpusError, match="the speech is silent"):
        record(np.zeros_like(speech), [part], place, DEVICE, rng)
    with pytest.raises(CorpusError, match="the noise is silent"):
        record(speech, [dataclasses.replace(part, noise=np.zeros_like(part.noise))], place, DEVICE, rng)
    with pytest.raises(CorpusError, match=r"4\.50 s of noise are too few|4\.49 s of noise are too few"):
        record(speech, [dataclasses.replace(part, noise=part.noise[:-100])], place, DEVICE, rng)


def test_the_band_of_the_receiver() -> None:
    def gain(device: Device, hertz: float) -> float:
        time = np.arange(32_000) / 16_000
        heard = device.hear(np.sin(2 * np.pi * hertz * time))
        return float(20 * np.log10(np.sqrt(2) * np.std(heard[16_000:])))

    assert gain(DEVICE, 1000) == pytest.approx(0, abs=0.1)
    assert gain(DEVICE, 100) == pytest.approx(-3.01, abs=0.05)  # where a Butterworth filter has half the power
    assert gain(DEVICE, 7000) == pytest.approx(-3.01, abs=0.05)
    assert gain(DEVICE, 50) == pytest.approx(-12.3, abs=0.3)
    worn = dataclasses.replace(DEVICE, cloth=6.0)
    assert gain(worn, 6000) - gain(DEVICE, 6000) == pytest.approx(-5.8, abs=0.3)
    assert gain(worn, 300) - gain(DEVICE, 300) == pytest.approx(0, abs=0.2)


def test_receivers_are_drawn_from_their_ranges() -> None:
    for receiver in ("table", "chest", "wrist"):
        drawn = [draw_device(receiver, np.random.default_rng(seed)) for seed in range(50)]
        assert all(80 <= each.low <= 200 and 6500 <= each.high <= 7600 and -34 <= each.level <= -16 for each in drawn)
        assert (max(each.cloth for each in drawn) > 4) == (receiver != "table")


def test_a_converter_has_steps_and_limits() -> None:
    assert convert(np.array([-2.0, -1.0, 0.3 / 32768, 0.6 / 32768, 2.0])).tolist() == [
        -1.0, -1.0, 0.0, 1 / 32768, 32767 / 32768,
    ]  # fmt: skip
    assert clipped_share(convert(np.array([-2.0, 0.0, 0.5, 2.0]))) == 0.5
