from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from fakes import voice

from edge_app.audio.file import SUFFIXES
from edge_app.batch import find_audio
from edge_app.cli import cli
from edge_app.core.types import SAMPLE_RATE
from edge_app.errors import BundleError, ConfigurationError, OutputError


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Three recordings, one of them deeper, and things that are none."""
    root = tmp_path / "recordings"
    (root / "deeper").mkdir(parents=True)
    for name, duration in (("b.wav", 1.4), ("deeper/c.flac", 1.2), ("a.WAV", 2.0)):
        path = root / name
        soundfile.write(path, voice(rng, duration), SAMPLE_RATE, format=path.suffix[1:].upper())
    (root / "notes.txt").write_text("no audio")
    return root


def analyze(bundle: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["analyze", "--model", str(bundle), *map(str, arguments)])


def test_files_of_a_folder_are_found_sorted_however_deep(folder: Path) -> None:
    files, faults = find_audio([folder, folder / "notes.txt"])
    assert [str(path.relative_to(folder)) for path in files] == ["a.WAV", "b.wav", "deeper/c.flac", "notes.txt"]
    assert faults == []


def test_a_folder_without_audio_is_told(tmp_path: Path) -> None:
    files, (fault,) = find_audio([tmp_path])
    assert files == []
    assert str(tmp_path) in fault
    assert all(suffix in fault for suffix in SUFFIXES)


def test_a_file_without_the_channel_is_told_and_the_others_go_on(
    tiny_bundle: Path, folder: Path, rng: np.random.Generator
) -> None:
    soundfile.write(folder / "two.wav", np.column_stack((np.zeros(32_000), voice(rng, 2.0))), SAMPLE_RATE)
    done = analyze(tiny_bundle, folder / "b.wav", folder / "two.wav", "--channel", "2")
    assert done.exit_code == 2
    assert done.stderr == f"edge-ser: {folder / 'b.wav'}: no channel 2, the file has 1\n"
    lines = records(done.stdout)
    assert [Path(line["source"]).name for line in lines if line["type"] == "session"] == ["two.wav"]
    assert any(line["type"] == "estimate" and line["state"] != "no-speech" for line in lines)


def test_json_lines_hold_a_session_per_file(tiny_bundle: Path, folder: Path) -> None:
    done = analyze(tiny_bundle, folder, "--vad", "none")
    assert done.exit_code == 0
    lines = records(done.stdout)
    assert [Path(line["source"]).name for line in lines if line["type"] == "session"] == ["a.WAV", "b.wav", "c.flac"]
    assert [line["estimates"] for line in lines if line["type"] == "end"] == [5, 3, 2]
    assert [line["duration"] for line in lines if line["type"] == "end"] == [2.0, 1.4, 1.2]


def test_every_file_starts_afresh(tiny_bundle: Path, folder: Path) -> None:
    def said(text: str) -> list[dict[str, Any]]:
        return [line | {"compute_ms": 0} for line in records(text) if line["type"] == "estimate"]

    alone = said(analyze(tiny_bundle, folder / "b.wav").stdout)
    assert said(analyze(tiny_bundle, folder / "a.WAV", folder / "b.wav").stdout)[-len(alone) :] == alone


def test_csv_has_a_row_per_estimate(tiny_bundle: Path, folder: Path) -> None:
    done = analyze(tiny_bundle, folder, "--format", "csv", "--vad", "none", "--hop", "0.5")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert next(iter(rows[0])) == "file"
    assert [(Path(row["file"]).name, row["end"]) for row in rows] == [
        ("a.WAV", "1.0"), ("a.WAV", "1.5"), ("a.WAV", "2.0"), ("b.wav", "1.0"), ("b.wav", "1.4"),
        ("c.flac", "1.0"), ("c.flac", "1.2"),
    ]  # fmt: skip


def test_bad_files_get_a_line_each_and_the_others_go_on(tiny_bundle: Path, folder: Path) -> None:
    truncated = folder / "b.wav"
    truncated.write_bytes(truncated.read_bytes()[:32_044])
    (folder / "aa.wav").write_text("text")
    done = analyze(tiny_bundle, folder, folder / "missing.wav")
    assert done.exit_code == 2
    text, short, missing = done.stderr.splitlines()
    assert "aa.wav: not an audio file" in text
    assert "b.wav: truncated, its header promises 1.40 s and 1.00 s are there" in short
    assert "missing.wav: no such file" in missing
    ends = [line["reason"] for line in records(done.stdout) if line["type"] == "end"]
    assert ends == ["eof", "error", "eof"]


def test_notices_reach_standard_error(tiny_bundle: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    soundfile.write(tmp_path / "phone.wav", voice(rng, 1.0), 8000)
    done = analyze(tiny_bundle, tmp_path, "--format", "csv")
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"edge-ser: warning: {tmp_path / 'phone.wav'}: phone.wav is sampled at 8 kHz")


def test_an_output_file_gets_everything_and_standard_output_nothing(
    tiny_bundle: Path, folder: Path, tmp_path: Path
) -> None:
    done = analyze(tiny_bundle, folder, "--output", tmp_path / "out.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert len([line for line in records((tmp_path / "out.jsonl").read_text()) if line["type"] == "session"]) == 3
    assert not (tmp_path / "out.jsonl.part").exists()


def test_a_recording_is_never_the_output(tiny_bundle: Path, folder: Path) -> None:
    before = (folder / "b.wav").read_bytes()
    assert isinstance(analyze(tiny_bundle, folder, "--output", folder / "b.wav").exception, ConfigurationError)
    assert (folder / "b.wav").read_bytes() == before


def test_a_name_that_is_not_utf8_is_read(tiny_bundle: Path, folder: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/n\xff.wav"))
    (folder / "b.wav").rename(odd)
    done = analyze(tiny_bundle, odd)
    assert done.exit_code == 0, done.output
    assert records(done.stdout)[-1]["reason"] == "eof"


def test_what_stops_everything_is_raised(tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    assert isinstance(analyze(tmp_path / "no-model", folder).exception, BundleError)
    assert isinstance(analyze(tiny_bundle, folder, "--output", tmp_path / "no" / "out").exception, OutputError)


@pytest.mark.slow
def test_an_hour_of_silence_is_an_hour_of_no_speech(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    minute = np.zeros(60 * SAMPLE_RATE, np.int16)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(minute)
    *_, end = lines = records(analyze(tiny_bundle, path, "--hop", "1.0").stdout)
    assert {line["state"] for line in lines[1:-1]} == {"no-speech"}
    assert (end["duration"], end["estimates"]) == (3600.0, 3600)


def test_ctrl_c_keeps_what_was_done_under_another_name(tiny_bundle: Path, tmp_path: Path) -> None:
    """The first file is short, the second is an hour: Ctrl-C falls into it."""
    short, long, output = tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "out.jsonl"
    soundfile.write(short, np.zeros(16_000), 16_000)
    soundfile.write(long, np.zeros(3600 * 16_000, dtype=np.int16), 16_000)
    command = [sys.executable, "-m", "edge_app.cli", "analyze", str(short), str(long)]
    with subprocess.Popen(
        [*command, "--model", str(tiny_bundle), "--output", str(output)], stderr=subprocess.PIPE, text=True
    ) as process:
        part = tmp_path / "out.jsonl.part"
        while not (part.exists() and "b.wav" in part.read_text(encoding="utf-8")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == f"edge-ser: interrupted; {output} was not written, {part} holds what was done so far\n"
    assert not output.exists()
    ends = [json.loads(line) for line in part.read_text(encoding="utf-8").splitlines() if '"end"' in line]
    assert [end["reason"] for end in ends if end["type"] == "end"] == ["eof", "interrupted"]


def test_sigterm_while_the_model_is_read_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    slow = (
        "import sys, time, edge_app.batch as batch\n"
        "def load(name):\n    print('reading', flush=True)\n    time.sleep(60)\n"
        "batch.load_bundle = load\n"
        f"sys.argv = ['edge-ser', 'analyze', 'x.wav', '--output', {str(output)!r}]\n"
        "from edge_app.cli import main\nmain()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, f"edge-ser: interrupted; {output} was not written\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_the_first_result_leaves_nothing(
    tiny_bundle: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge_app.batch.Session", interrupted)
    output = tmp_path / "out.jsonl"
    result = analyze(tiny_bundle, folder, "--output", output)
    assert result.exit_code == 130
    assert result.stderr == f"edge-ser: interrupted; {output} was not written\n"
    assert list(tmp_path.glob("out*")) == []
