from __future__ import annotations

import numpy as np
import pytest
from fakes import voice

from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import ConfigurationError
from edge_app.vad import DETECTORS, make_detector


@pytest.mark.parametrize("name", DETECTORS)
def test_a_probability_per_frame_whatever_the_blocks(name: str, rng: np.random.Generator) -> None:
    samples = voice(rng, 3.017)
    whole = make_detector(name).feed(samples)
    detector = make_detector(name)
    pieces = [detector.feed(piece) for piece in np.split(samples, sorted(rng.integers(0, len(samples), 50)))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.shape == (len(samples) // detector.frame_length,)
    assert whole.dtype == np.float32
    assert 0 <= whole.min() <= whole.max() <= 1


@pytest.mark.parametrize("name", DETECTORS)
def test_reset_forgets_all_audio(name: str, rng: np.random.Generator) -> None:
    samples = voice(rng, 2.0)
    detector = make_detector(name)
    first = detector.feed(samples[:-7])
    detector.reset()
    np.testing.assert_array_equal(detector.feed(samples[:-7]), first)


def test_webrtc_tells_a_voice_from_silence(rng: np.random.Generator) -> None:
    detector = make_detector("webrtc")
    assert not detector.feed(np.zeros(SAMPLE_RATE, np.float32)).any()
    assert detector.feed(voice(rng, 3.0)).mean() > 0.3


def test_webrtc_takes_samples_beyond_full_scale(rng: np.random.Generator) -> None:
    make_detector("webrtc").feed(100 * voice(rng, 0.1))


def test_an_unknown_detector_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigurationError, match=r"no voice activity detector 'magic'; choose from none, webrtc"):
        make_detector("magic")
