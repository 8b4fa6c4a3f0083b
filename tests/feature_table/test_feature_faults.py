"""``edge-ser features``: what cannot be read or written is told, and a table is there whole or not at all."""

from __future__ import annotations

import csv
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import voice
from feature_tables import OURS, features, read_csv

from edge_app.batch import Progress, find_audio
from edge_app.errors import AudioFormatError, ConfigurationError, OutputError
from edge_app.feature_table.layout import TableSettings
from edge_app.feature_table.run import all_rows, recording_rows
from edge_app.feature_table.sets import make_computer


@pytest.mark.parametrize("kind", OURS)
def test_recordings_of_every_sort(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    speech = voice(rng, 1.0)
    soundfile.write(tmp_path / "a-silence.wav", np.zeros(16000), 16000)
    soundfile.write(tmp_path / "b-phone.wav", speech[::2], 8000)
    soundfile.write(tmp_path / "c-stereo.wav", np.stack([speech, speech], axis=1), 16000)
    soundfile.write(tmp_path / "d-mono.wav", speech, 16000)
    soundfile.write(tmp_path / "e-click.wav", np.eye(1, 16000, 8000)[0], 16000)
    done = features(tmp_path, "--set", kind, "--output", tmp_path / "table.csv")
    assert (done.exit_code, done.output) == (0, "")
    _, places, values = read_csv(tmp_path / "table.csv")
    assert [Path(name).name[0] for name, _, _ in places] == list("abcde")
    assert np.isfinite(values).all()
    assert not np.signbit(values[values == 0]).any()  # read back, "-0" would be
    np.testing.assert_array_equal(values[2], values[3])


def test_bad_files_get_a_line_each_and_no_rows(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "b.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[:32044])
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nan.wav", np.array([0.1] * 16000 + [np.nan]), 16000, subtype="FLOAT")
    soundfile.write(folder / "short.wav", np.zeros(100), 16000)
    (folder / "text.wav").write_text("hello")
    (tmp_path / "bare").mkdir()
    arguments = (folder, folder / "none.wav", tmp_path / "bare", "--set", "logmel")
    done = features(*arguments, "--output", tmp_path / "table.csv")
    assert done.exit_code == 2
    said = done.stderr.splitlines()
    assert len(said) == 7
    for line, part in zip(said, (
        "bare: no audio files in this folder", "cut.wav: truncated, its header promises 2.60 s and 1.00 s are there",
        "empty.wav: the file is empty", "nan.wav: sample 16000 (1.000 s) is not a finite number",
        "short.wav: too short for one frame of features (0.006 s)", "text.wav: not an audio file", "none.wav: no such",
    ), strict=True):  # fmt: skip
        assert line.startswith("edge-ser: ")
        assert part in line
    _, places, _ = read_csv(tmp_path / "table.csv")
    assert [Path(name).name for name, _, _ in places] == ["a, first.wav", "b.wav", "c.flac"]


def test_a_computer_starts_afresh_after_a_recording_that_broke_off(folder: Path) -> None:
    computer = make_computer(TableSettings("logmel"))
    wanted = recording_rows(computer, folder / "b.wav").values
    (folder / "cut.wav").write_bytes((folder / "b.wav").read_bytes()[:32044])
    with pytest.raises(AudioFormatError, match="truncated"):
        recording_rows(computer, folder / "cut.wav")
    np.testing.assert_array_equal(recording_rows(computer, folder / "b.wav").values, wanted)


def test_where_nothing_can_be_read_no_table_is_left_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "table.csv").write_text("old\n")
    for name in ("table.csv", "new.csv"):
        assert features(tmp_path / "text.wav", "--set", "logmel", "--output", tmp_path / name).exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "text.wav"]
    assert (tmp_path / "table.csv").read_text() == "old\n"


def test_a_recording_is_never_the_output(folder: Path) -> None:
    (folder / "b.wav").rename(folder / "b.csv")
    before = (folder / "b.csv").read_bytes()
    error = features(folder / "b.csv", "--set", "logmel", "--output", folder / "b.csv").exception
    assert isinstance(error, ConfigurationError)
    assert (folder / "b.csv").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_full_disk_is_one_error(folder: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / f"full{suffix}").symlink_to("/dev/full")
    error = features(folder, "--set", "logmel", "--output", tmp_path / f"full{suffix}").exception
    assert isinstance(error, OutputError)
    assert "no space left on device" in str(error)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hop", "1"], "--hop without --window"),
        (["--level", "lld", "--window", "1"], "--window is for functionals"),
        (["--window", "nan"], "--window is nan s; give at least 0.01 s"),
        (["--window", "inf"], "--window is inf s"),
        (["--window", "1", "--hop", "0"], "--hop is 0 s; give at least 0.01 s"),
        (["--window", "1", "--hop", "-1"], "--hop is -1 s"),
        (["--window", "0.02"], "--window is 0.02 s, too short for a frame of these features; give 0.032 or more"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    error = features(folder, "--set", "logmel", *arguments, "--output", tmp_path / "table.csv").exception
    assert isinstance(error, ConfigurationError)
    assert says in str(error)
    assert not list(tmp_path.glob("table*"))


@pytest.mark.parametrize("name", ["table", "table.txt", "table.xlsx"])
def test_other_kinds_of_tables_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    error = features(folder, "--set", "logmel", "--output", tmp_path / name).exception
    assert isinstance(error, ConfigurationError)
    assert "give a name that ends in .csv or .parquet" in str(error)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_name_that_is_not_utf8(folder: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/n\xff.wav"))
    (folder / "b.wav").rename(odd)
    done = features(odd, "--set", "logmel", "--output", tmp_path / f"table{suffix}")
    assert done.exit_code == 0, done.output
    assert b"n\\udcff.wav" in (tmp_path / f"table{suffix}").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("odd", ["new\nline.wav", "carriage\rreturn.wav", "com,ma.wav", 'quo"te.wav'])
def test_a_name_of_odd_characters_is_read_back(folder: Path, tmp_path: Path, odd: str) -> None:
    (folder / "b.wav").rename(folder / odd)
    done = features(folder / odd, "--set", "logmel", "--output", tmp_path / "table.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))
    assert {row[0] for row in rows[1:]} == {str(folder / odd)}
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_pipes_are_refused_and_hidden_files_passed_over(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe.wav")
    done = features(folder / "pipe.wav", "--output", tmp_path / "table.csv")
    assert done.exit_code == 2
    assert "pipe.wav: a pipe or a device, not a file" in done.output
    (folder / "._b.wav").write_bytes(b"notes of a file manager")
    assert {path.name for path in find_audio([folder])[0]} == {"a, first.wav", "b.wav", "c.flac"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_end_where_somebody_asks_for_it(folder: Path, jobs: int) -> None:
    stop = threading.Event()
    rows = all_rows([folder / "b.wav"] * 4, TableSettings("logmel"), jobs, stop)
    next(rows)
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        next(rows)


def ended(path: Path) -> None:
    """What a process does that runs out of memory."""
    os._exit(1)


def test_a_process_that_is_ended_from_outside_is_one_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.feature_table.run._work", ended)
    error = features(folder, "--set", "logmel", "--jobs", "2", "--output", tmp_path / "table.csv").exception
    assert isinstance(error, ConfigurationError)
    assert "--jobs 2: a process was ended from outside" in str(error)
    assert not (tmp_path / "table.csv").exists()


def test_an_interruption_leaves_the_part_and_never_the_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(progress: Progress, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "finished", interrupted)
    done = features(folder, "--set", "logmel", "--output", tmp_path / "table.csv")
    assert done.exit_code == 130
    assert "interrupted; " in done.output
    assert [path.name for path in tmp_path.glob("table*")] == ["table.csv.part"]
