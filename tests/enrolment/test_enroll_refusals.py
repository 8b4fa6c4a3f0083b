"""``edge-ser enroll``: what nobody can be enrolled from is refused with the reason."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from enrolling import enroll, statistics, write
from fakes import voice

from edge_app.app import make_baseline
from edge_app.bundle import load_bundle
from edge_app.commands.enroll import Meter
from edge_app.core.records import Notice
from edge_app.core.types import SAMPLE_RATE
from edge_app.enrolled import EnrolledWearer, write_wearer
from edge_app.errors import BaselineError, BundleError, ConfigurationError


class Terminal(io.StringIO):
    """A standard error that somebody sees."""

    def isatty(self) -> bool:
        return True


SOUNDS = {
    "silence": (np.zeros(20 * SAMPLE_RATE), "silence: almost nothing"),
    "digital hiss": (np.random.default_rng(1).normal(0, 0.05, 20 * SAMPLE_RATE), "noise: the level moves by"),
    "gusts of wind": (
        np.random.default_rng(2).normal(0, 0.1, 20 * SAMPLE_RATE)
        * (0.02 + np.clip(np.sin(np.arange(20 * SAMPLE_RATE) / 3000), 0, 1)),
        "have a pitch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUNDS)
def test_what_is_no_speech_is_refused_with_the_reason(folder: Path, tmp_path: Path, kind: str) -> None:
    samples, reason = SOUNDS[kind]
    done = enroll("--name", "me", "--input", write(tmp_path / "sound.wav", samples.astype(np.float32)))
    assert isinstance(done.exception, BaselineError)
    assert reason in str(done.exception)
    assert list(folder.iterdir()) == []


def test_clipped_speech_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    loud = np.clip(20 * voice(rng, 12.0), -1, 1).astype(np.float32)
    done = enroll("--name", "me", "--input", write(tmp_path / "loud.wav", loud))
    assert isinstance(done.exception, BaselineError)
    assert "clipped" in str(done.exception)


def test_a_recording_without_the_upper_bands_is_enrolled_with_a_remark(speech: Path, tmp_path: Path) -> None:
    narrow = tmp_path / "telephone.wav"
    samples = soundfile.read(speech, dtype="float32")[0]
    soundfile.write(narrow, samples.reshape(-1, 2).mean(axis=1), SAMPLE_RATE // 2)
    done = enroll("--name", "me", "--input", narrow)
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("edge-ser: warning: telephone.wav is sampled at 8 kHz: nothing is left of the voice")
    assert len(done.stderr.splitlines()) == 1
    assert enroll("--name", "wide", "--input", speech).stderr == ""


def test_a_remark_stands_above_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Meter(30.0) as meter:
        meter.say(Notice("warning", "the microphone 'x [hw:1]' is gone"))
    assert "edge-ser: warning: the microphone 'x [hw:1]' is gone" in screen.getvalue()


@pytest.mark.parametrize("seconds", [2.0, 4.0])
def test_too_little_speech_is_refused(tmp_path: Path, rng: np.random.Generator, seconds: float) -> None:
    done = enroll("--name", "me", "--input", write(tmp_path / "short.wav", voice(rng, seconds)))
    assert isinstance(done.exception, BaselineError)
    assert "at least 5 s are needed" in str(done.exception)


@pytest.mark.parametrize(
    "name", ["../me", "a/b", "", ".", ".hidden", "none", "adaptive", "x" * 65, "a b", "a\0b", "me.json"]
)
def test_impossible_names_are_refused(speech: Path, folder: Path, name: str) -> None:
    assert isinstance(enroll("--name", name, "--input", speech).exception, BaselineError)
    assert isinstance(enroll("--delete", name).exception, BaselineError)
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments", [(), ("--list", "--name", "me"), ("--name", "me", "--delete", "me"),
                  ("--name", "me", "--input", "x.wav", "--device", "0")],
)  # fmt: skip
def test_contradictions_are_refused(arguments: tuple[str, ...]) -> None:
    assert isinstance(enroll(*arguments).exception, ConfigurationError)


def test_without_any_model_there_is_nothing_to_enrol_for(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.bundle.model_folders", list)
    assert isinstance(enroll("--name", "me", "--input", speech).exception, BundleError)


def test_an_unknown_name_says_who_is_known(tiny_bundle: Path, speech: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    with pytest.raises(BaselineError, match="nobody is enrolled; run edge-ser enroll --name you"):
        make_baseline(bundle, "you")
    enroll("--name", "me", "--input", speech)
    with pytest.raises(BaselineError, match="there are me"):
        make_baseline(bundle, "you")


def test_a_baseline_of_other_features_is_refused(tiny_bundle: Path) -> None:
    write_wearer(EnrolledWearer("me", "2026-11-21", (statistics(),)))
    with pytest.raises(BaselineError, match="has no statistics of the features of tiny"):
        make_baseline(load_bundle(tiny_bundle), "me")
