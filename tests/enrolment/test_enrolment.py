"""Enrolment by ear: from a microphone, until there is enough speech."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeSource, voice

from edge_app.bundle import load_bundle
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.enrolment import PATIENCE, Enrolment, record
from edge_app.errors import BaselineError, EdgeSerError
from edge_app.soundcheck import SoundCheck


def hear(samples: Floats, tiny_bundle: Path, wanted: float | None = 30.0, stop: threading.Event | None = None):
    """Enrol from a microphone that hears these samples, as fast as it can."""
    enrolment = Enrolment([load_bundle(tiny_bundle)])
    shown: list[tuple[float, float]] = []
    source = FakeSource(samples, realtime=True)
    record(enrolment, source, wanted, stop or threading.Event(), lambda *values: shown.append(values))
    return enrolment, shown


def test_a_microphone_is_heard_until_there_is_enough(tiny_bundle: Path, rng: np.random.Generator) -> None:
    enrolment, shown = hear(voice(rng, 20.0), tiny_bundle, wanted=6.0)
    assert 6.0 <= enrolment.seconds <= 6.5
    assert enrolment.duration < 12
    assert [speech for speech, _ in shown] == sorted(speech for speech, _ in shown)
    assert max(level for _, level in shown) > -30
    assert len(enrolment.finish()) == 1


def test_a_microphone_without_speech_is_given_up(tiny_bundle: Path) -> None:
    enrolment, _ = hear(np.zeros(60 * SAMPLE_RATE, np.float32), tiny_bundle)
    assert enrolment.duration == pytest.approx(PATIENCE, abs=0.1)
    with pytest.raises(BaselineError, match="silence"):
        enrolment.finish()


def test_ctrl_c_stores_nothing(tiny_bundle: Path, rng: np.random.Generator) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(BaselineError, match=r"interrupted after 0\.0 s"):
        hear(voice(rng, 2.0), tiny_bundle, stop=stop)


def test_blocks_of_any_size_give_the_same_statistics(tiny_bundle: Path, rng: np.random.Generator) -> None:
    samples = voice(rng, 12.0)
    found = []
    for size in (len(samples), 320, 4801):
        enrolment = Enrolment([load_bundle(tiny_bundle)])
        for start in range(0, len(samples), size):
            enrolment.feed(AudioBlock(samples[start : start + size], start))
        (each,) = enrolment.finish()
        found.append((each.seconds, each.count, each.mean.tolist(), each.variance.tolist()))
    assert found[0] == found[1] == found[2]


def test_levels_and_pitch_of_known_sounds() -> None:
    time_axis = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    check = SoundCheck()
    check.feed((0.1 * np.sin(2 * np.pi * 150 * time_axis)).astype(np.float32))
    assert check.loud_dbfs == pytest.approx(-23, abs=0.6)
    assert check.range_db == 0
    assert check.voiced > 0.99
    hiss = SoundCheck()
    hiss.feed(np.random.default_rng(3).normal(0, 0.1, 10 * SAMPLE_RATE).astype(np.float32))
    assert hiss.loud_dbfs == pytest.approx(-20, abs=1.1)
    assert hiss.voiced < 0.05
    assert SoundCheck().problem() is not None


def test_every_refusal_is_an_error_of_the_program() -> None:
    assert issubclass(BaselineError, EdgeSerError)
