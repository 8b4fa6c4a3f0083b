from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import voice

from edge_app import diagnosis
from edge_app.audio import microphone
from edge_app.audio.source import InputDevice
from edge_app.cli import cli
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.diagnosis import check_library, check_model, check_python, describe_recording
from edge_app.errors import AudioDeviceError, PortAudioMissing

DEVICE = InputDevice(3, "USB Audio", 1, 48_000, True)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Floats:
    """What the fake microphone records."""
    recording = np.zeros(2 * SAMPLE_RATE, np.float32)
    fake: Any = type("PortAudio", (), {"get_portaudio_version": staticmethod(lambda: (1, "PortAudio V19"))})
    monkeypatch.setattr(microphone, "portaudio", lambda: fake)
    monkeypatch.setattr(microphone, "find_device", lambda wanted: DEVICE)
    monkeypatch.setattr(diagnosis, "record", lambda device, duration: recording)
    return recording


def test_a_healthy_machine(tiny_bundle: Path, recorded: Floats, rng: np.random.Generator) -> None:
    recorded[:] = voice(rng, 2.0)
    done = CliRunner().invoke(cli, ["doctor", "--model", str(tiny_bundle)])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    text = done.stdout
    for expected in ("Python 3.", "onnxruntime", "PortAudio V19", "USB Audio, 48000 Hz; level -", "noise floor -",
                     "clipped 0.0%", "speech ", "checksums match", " of one core"):  # fmt: skip
        assert expected in text


def test_without_a_microphone_files_still_work(
    tiny_bundle: Path, recorded: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(wanted: object) -> InputDevice:
        raise AudioDeviceError("no microphone was found: plug one in")

    monkeypatch.setattr(microphone, "find_device", none)
    done = CliRunner().invoke(cli, ["doctor", "--model", str(tiny_bundle)])
    assert done.exit_code == 0
    assert "absent   microphone   no microphone was found: plug one in; files and pipes work" in done.stdout


def test_without_portaudio_the_command_that_installs_it_is_named(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise PortAudioMissing("not installed: run sudo apt install libportaudio2")

    monkeypatch.setattr(microphone, "portaudio", missing)
    done = CliRunner().invoke(cli, ["doctor", "--model", str(tiny_bundle)])
    assert done.exit_code == 2
    assert "missing  PortAudio    not installed: run sudo apt install libportaudio2" in done.stdout


def test_a_silent_and_a_clipped_microphone(rng: np.random.Generator) -> None:
    assert "is it muted?" in describe_recording(DEVICE, np.zeros(2 * SAMPLE_RATE, np.float32))
    loud = np.sign(rng.normal(size=2 * SAMPLE_RATE)).astype(np.float32)
    assert "level 0 dBFS, noise floor 0 dBFS, clipped 100.0%" in describe_recording(DEVICE, loud)


def test_a_library_that_cannot_be_imported_is_told_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    finding = check_library("webrtcvad")
    assert finding.state == "missing"
    assert "pip install --force-reinstall webrtcvad-wheels" in finding.text


def test_another_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert check_python().state == "missing"


def test_a_damaged_bundle_is_told(tiny_bundle: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny_bundle, tmp_path / "damaged")
    with (damaged / "MODEL_CARD.md").open("a") as card:
        card.write("changed")
    (finding,) = check_model(str(damaged))
    assert finding.state == "missing"
    assert "checksum differs" in finding.text


def test_devices_are_listed_with_the_default_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    other = InputDevice(0, "Built-in", 2, 44_100, False)
    monkeypatch.setattr(microphone, "list_devices", lambda: [other, DEVICE])
    header, built_in, usb = CliRunner().invoke(cli, ["devices"]).stdout.splitlines()
    assert header.split() == ["number", "name", "channels", "rate"]
    assert built_in.split() == ["0", "Built-in", "2", "44100", "Hz"]
    assert usb.split() == ["*", "3", "USB", "Audio", "1", "48000", "Hz"]
    monkeypatch.setattr(microphone, "list_devices", list)
    assert "no microphone was found" in CliRunner().invoke(cli, ["devices"]).stdout
