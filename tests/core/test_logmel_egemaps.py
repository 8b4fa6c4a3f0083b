"""Both parts of the joint features are what they are alone, and meet in the same 10 ms."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features import Egemaps, LogMel, LogMelEgemaps
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector


@pytest.fixture
def speech(rng):
    time = np.arange(40_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 3 * time))
    return (0.05 * voice + rng.normal(0, 0.003, 40_000)).astype(np.float32)


def test_parts_are_those_computed_alone(speech):
    joint, alone, bands = LogMelEgemaps(), Egemaps(formants=False), LogMel(64, 512, 160)
    frames = np.concatenate((joint.feed(speech), joint.finish()))
    descriptors = np.concatenate((alone.feed(speech), alone.finish()))
    spectra = bands.feed(speech)
    np.testing.assert_array_equal(frames[:, 64:], descriptors)
    np.testing.assert_array_equal(frames[: len(spectra), :64], spectra)
    assert 0 < len(frames) - len(spectra) <= 2
    np.testing.assert_array_equal(frames[len(spectra) :, :64], np.repeat(spectra[-1:], len(frames) - len(spectra), 0))
    window = joint.summarise(frames[:88], 88)
    assert window.shape == (88, 132)
    np.testing.assert_array_equal(window[:, :64], spectra[:88])
    np.testing.assert_array_equal(window[:, 64:], np.tile(alone.summarise(descriptors[:88], 88), (88, 1)))


@pytest.mark.parametrize("block", [1, 37, 160, 4000])
def test_frames_do_not_depend_on_blocks(speech, block):
    joint, again = LogMelEgemaps(), LogMelEgemaps()
    whole = np.concatenate((joint.feed(speech[:9000]), joint.finish()))
    parts = [again.feed(speech[at : min(at + block, 9000)]) for at in range(0, 9000, block)]
    np.testing.assert_array_equal(whole, np.concatenate((*parts, again.finish())))


@pytest.mark.parametrize("length", [0, 100, 320, 400, 511, 3000])
def test_a_recording_shorter_than_a_window_fills_it(speech, length):
    stream = WindowStream(LogMelEgemaps(), make_detector("none"), WindowSpec())
    windows = [*stream.feed(speech[:length]), *stream.flush()]
    assert len(windows) == (length >= 320)
    for window in windows:
        assert window.features.shape == (88, 132)
        assert np.isfinite(window.features).all()
