from __future__ import annotations

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import voice

from edge_app import app
from edge_app.app import choose_interface, make_source
from edge_app.audio import microphone
from edge_app.audio.source import InputDevice
from edge_app.core.types import SAMPLE_RATE
from edge_app.demo import CLIP
from edge_app.errors import AudioDeviceError, ConfigurationError, OutputError, PortAudioMissing
from edge_app.settings import ListenSettings, PipelineSettings

COMMAND = [sys.executable, "-m", "edge_app", "listen"]


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def wav(tmp_path: Path, rng: np.random.Generator) -> Path:
    soundfile.write(tmp_path / "speech.wav", voice(rng, 3.3), SAMPLE_RATE)
    return tmp_path / "speech.wav"


def listen(bundle: Path, *arguments: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--model", str(bundle), *map(str, arguments)]
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120} | how
    return subprocess.run(command, text=True, **how)


def test_a_file_into_json_lines(tiny_bundle: Path, wav: Path) -> None:
    done = listen(tiny_bundle, "--input", wav)
    assert (done.returncode, done.stderr) == (0, "")
    session, *estimates, end = records(done.stdout)
    assert (session["model"], session["source"]) == ("tiny", str(wav))
    assert [estimate["end"] for estimate in estimates] == [1 + 0.25 * hop for hop in range(10)] + [3.3]
    assert any(estimate["state"] == "speech" for estimate in estimates)
    assert (end["reason"], end["duration"], end["estimates"]) == ("eof", 3.3, 11)


def test_one_channel_is_heard_where_they_cancel_each_other(tiny_bundle: Path, tmp_path: Path, wav: Path) -> None:
    sound, _ = soundfile.read(wav)
    soundfile.write(tmp_path / "two.wav", np.column_stack((sound, -sound)), SAMPLE_RATE)
    mixed, alone, mono = (
        listen(tiny_bundle, "--input", *arguments)
        for arguments in ((tmp_path / "two.wav",), (tmp_path / "two.wav", "--channel", "1"), (wav,))
    )
    assert mixed.stderr.count("cancel each other in places when mixed") == 1
    assert {line["state"] for line in records(mixed.stdout) if line["type"] == "estimate"} == {"no-speech"}
    assert alone.stderr == ""
    same = ("label", "scores", "start", "end")
    said, wanted = ([[line[key] for key in same] for line in records(done.stdout)[1:-1]] for done in (alone, mono))
    assert said == wanted


@pytest.mark.parametrize("option", ["--hop", "--smoothing"])
def test_a_value_that_is_not_a_number_is_refused(tiny_bundle: Path, wav: Path, option: str) -> None:
    done = listen(tiny_bundle, "--input", wav, option, "nan")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_the_recording_is_never_the_output(tiny_bundle: Path, wav: Path) -> None:
    before = wav.read_bytes()
    done = listen(tiny_bundle, "--input", wav, "--output", wav)
    assert done.returncode == 2
    assert "that is a recording to be read" in done.stderr
    assert wav.read_bytes() == before


@pytest.mark.parametrize("baseline", ["none", "adaptive"])
def test_a_pipe_says_what_the_file_says(tiny_bundle: Path, wav: Path, baseline: str) -> None:
    from_file = listen(tiny_bundle, "--input", wav, "--hop", "0.2", "--baseline", baseline).stdout
    assert ("wearer" in from_file) == (baseline == "adaptive")
    pcm = soundfile.read(wav, dtype="int16")[0].astype("<i2").tobytes()
    piped = subprocess.run(
        [*COMMAND, "--model", str(tiny_bundle), "--input", "-", "--hop", "0.2", "--baseline", baseline],
        input=pcm, capture_output=True, timeout=120, check=True,
    )  # fmt: skip

    def said(text: str) -> list[dict[str, Any]]:
        return [{**record, "compute_ms": None} for record in records(text) if record["type"] == "estimate"]

    assert said(piped.stdout.decode()) == said(from_file)


def test_real_time_says_the_same_at_the_pace_of_the_clock(tiny_bundle: Path, wav: Path) -> None:
    began = time.monotonic()
    live = records(listen(tiny_bundle, "--input", wav, "--realtime").stdout)
    assert time.monotonic() - began >= 3.3
    if live[-1]["dropped_blocks"]:
        pytest.skip("this machine was too busy to keep up")
    fast = records(listen(tiny_bundle, "--input", wav).stdout)
    assert [(r["end"], r["label"]) for r in live[1:-1]] == [(r["end"], r["label"]) for r in fast[1:-1]]


def test_an_odd_byte_count_gives_the_estimates_then_one_line(tiny_bundle: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--model", str(tiny_bundle), "--input", "-"], input=bytes(40_001), capture_output=True, timeout=120
    )
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 1
    assert "40001 bytes came, an odd count" in done.stderr.decode()
    *_, last, end = records(done.stdout.decode())
    assert (last["end"], end["reason"]) == (1.25, "error")


def test_closed_standard_input_is_one_line(tiny_bundle: Path) -> None:
    done = subprocess.run(
        f"{' '.join(COMMAND)} --model {tiny_bundle} --input - <&-", shell=True, capture_output=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith("edge-ser: standard input is closed")


def test_bad_audio_keeps_what_is_good_in_the_output_file(tiny_bundle: Path, wav: Path, tmp_path: Path) -> None:
    wav.write_bytes(wav.read_bytes()[:64_044])
    done = listen(tiny_bundle, "--input", wav, "--output", tmp_path / "out.jsonl")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edge-ser: {wav}: truncated, its header promises 3.30 s and 2.00 s are there")
    written = records((tmp_path / "out.jsonl").read_text())
    assert (written[-2]["end"], written[-1]["reason"]) == (2.0, "error")
    assert written == records(done.stdout)


def test_a_missing_file_is_one_line_and_no_session(tiny_bundle: Path, tmp_path: Path) -> None:
    done = listen(tiny_bundle, "--input", tmp_path / "none.wav")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_one_line(tiny_bundle: Path, wav: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = listen(tiny_bundle, "--input", wav, "--ui", "jsonl", stdout=full)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("edge-ser: standard output: no space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_output_file_is_one_line(tiny_bundle: Path, wav: Path) -> None:
    done = listen(tiny_bundle, "--input", wav, "--output", "/dev/full")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("edge-ser: /dev/full: no space left on device")


def test_a_missing_output_folder_is_told_before_any_audio(tiny_bundle: Path, tmp_path: Path, wav: Path) -> None:
    done = listen(tiny_bundle, "--input", wav, "--output", tmp_path / "none" / "out.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert "choose another place for --output" in done.stderr


def test_an_output_file_named_csv_is_a_table(tiny_bundle: Path, wav: Path, tmp_path: Path) -> None:
    listen(tiny_bundle, "--input", wav, "--output", tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0].startswith("file,start,end,state,label")
    assert len(lines) == 12


def test_a_reader_that_goes_away_ends_it_quietly(tiny_bundle: Path, wav: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    command = [*COMMAND, "--model", str(tiny_bundle), "--input", str(wav), "--realtime", "--output", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(120) == 0
        assert process.stderr.read() == ""
    assert records(output.read_text())[-1]["reason"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_the_end_record_and_0(tiny_bundle: Path, tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "out.jsonl"
    command = [*COMMAND, "--model", str(tiny_bundle), "--input", "-", "--output", str(output)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(bytes(2 * 20_000))
        process.stdin.flush()
        while b'"end":1.25' not in (line := process.stdout.readline()):
            assert line
        assert process.stderr is not None
        process.send_signal(number)
        # Not communicate(): it closes standard input, and the end of the audio would race with the signal.
        assert process.wait(120) == 0
        rest, errors = process.stdout.read(), process.stderr.read()
    assert errors == b""
    end = records(rest.decode())[-1]
    assert (end["type"], end["reason"], end["duration"]) == ("end", "interrupted", 1.25)
    assert records(output.read_text())[-1] == end


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (80, 24)])
def test_plain_lines_fit_the_terminal(tiny_bundle: Path, wav: Path, columns: int, rows: int) -> None:
    parent, child = pty.openpty()
    ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*COMMAND, "--model", str(tiny_bundle), "--input", str(wav), "--vad", "none"], stdout=child, env=environment
    )
    os.close(child)
    shown = b""
    while process.poll() is None or select.select([parent], [], [], 0)[0]:
        try:
            shown += os.read(parent, 4096) if select.select([parent], [], [], 0.1)[0] else b""
        except OSError:  # how a terminal says that nobody writes any more
            break
    assert process.wait(120) == 0
    os.close(parent)
    lines = shown.decode().splitlines()
    assert len(lines) == 2 + 11 + 1
    assert max(map(len, lines)) <= columns


def test_without_a_microphone_the_demo_plays_and_says_so(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    def no_portaudio() -> Any:
        raise PortAudioMissing("the system library PortAudio is not installed: run sudo apt install libportaudio2")

    soundfile.write(tmp_path / "clip.opus", voice(rng, 1.2), SAMPLE_RATE, format="OGG", subtype="OPUS")
    monkeypatch.setattr(app, "CLIP", tmp_path / "clip.opus")
    monkeypatch.setattr(microphone, "portaudio", no_portaudio)
    settings = ListenSettings(PipelineSettings(str(tiny_bundle)))
    app.listen(ListenSettings(settings.pipeline, ui="jsonl"))
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert "sudo apt install libportaudio2" in line
    assert "demo" in line
    session, *_, end = records(captured.out)
    assert (session["demo"], session["source"]) == (True, "demo clip")
    assert (end["reason"], end["duration"]) == ("eof", pytest.approx(1.2, abs=0.1))
    app.listen(ListenSettings(settings.pipeline, ui="plain"))
    assert capsys.readouterr().out.startswith("DEMO")


def test_a_named_device_that_is_missing_is_an_error_not_a_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "list_devices", lambda: [InputDevice(0, "Built-in", 1, 48_000, True)])
    with pytest.raises(AudioDeviceError, match=r"no input device 'USB': choose one of 0 \(Built-in\)"):
        make_source(ListenSettings(device="USB"))


def test_the_demo_clip_is_small_and_speaks(tiny_bundle: Path) -> None:
    assert CLIP.stat().st_size < 60_000
    states = [record["state"] for record in records(listen(tiny_bundle, "--input", CLIP).stdout)[1:-1]]
    assert states.count("speech") > len(states) / 2


@pytest.mark.parametrize("settings", [
    ListenSettings(source="x.wav", device="0"), ListenSettings(source="-", realtime=True),
])  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings: ListenSettings) -> None:
    with pytest.raises(ConfigurationError):
        make_source(settings)


@pytest.mark.parametrize(
    ("settings", "terminal", "expected"),
    [
        (ListenSettings(), True, "tui"),
        (ListenSettings(), False, "jsonl"),
        (ListenSettings(source="x.wav"), True, "plain"),
        (ListenSettings(source="x.wav", realtime=True), True, "tui"),
        (ListenSettings(source="-"), True, "plain"),
        (ListenSettings(source="x.wav"), False, "jsonl"),
        (ListenSettings(ui="plain"), False, "plain"),
    ],
)
def test_the_interface_suits_source_and_terminal(
    monkeypatch: pytest.MonkeyPatch, settings: ListenSettings, terminal: bool, expected: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
    assert choose_interface(settings) == expected


def test_one_output_file_holds_all_sessions_of_a_screen(
    tiny_bundle: Path, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Choosing another device in the terminal interface begins another session in the same file."""
    import threading

    import edge_app.tui.app

    def two_sessions(open_session: Any, devices: Any) -> None:
        for _ in range(2):
            open_session(None, []).run(threading.Event())

    monkeypatch.setattr(edge_app.tui.app, "run_tui", two_sessions)
    output = tmp_path / "out.jsonl"
    app.listen(ListenSettings(PipelineSettings(str(tiny_bundle)), str(wav), ui="tui", output=str(output)))
    assert [r["type"] for r in records(output.read_text()) if r["type"] != "estimate"] == ["session", "end"] * 2


def test_a_disk_that_fills_leaves_nothing_under_the_name(
    tiny_bundle: Path, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_app.sinks.files import OutputFile

    real = OutputFile.write_line
    lines = []

    def filling(self: OutputFile, line: str) -> None:
        lines.append(line)
        if len(lines) > 5:
            raise self._discarded(OSError(28, "No space left on device"))
        real(self, line)

    monkeypatch.setattr(OutputFile, "write_line", filling)
    with pytest.raises(OutputError, match="no space left on device"):
        app.listen(
            ListenSettings(PipelineSettings(str(tiny_bundle)), str(wav), ui="jsonl", output=str(tmp_path / "out.jsonl"))
        )
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]
