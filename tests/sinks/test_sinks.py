from __future__ import annotations

import csv
import errno
import fcntl
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import INFO

from edge_app.core.records import Notice, SessionEnd
from edge_app.core.types import Estimate
from edge_app.errors import AudioFormatError, OutputError
from edge_app.sinks import SINKS, make_sink
from edge_app.sinks.files import OutputFile

SCORES = {"neutral": 0.1, "happiness": 0.123456, "sadness": 0.156544, "anger": 0.62}
SPEECH = Estimate(196_000, 212_000, "speech", "anger", 0.62, SCORES, 0.71, -0.22, 0.3, 0.93, 0.0019, snr=12.345)
UNCERTAIN = replace(SPEECH, state="uncertain", label=None, reason="confidence")
NOISY = replace(SPEECH, state="uncertain", label=None, snr=-3.2, reason="noise")
SILENCE = Estimate(0, 16_000, "no-speech", None, None, {}, None, None, None, 0.0, 0.0004)
END = SessionEnd("eof", 63.5, 251, 0, 1.8, 2.3, 0.008)
EMPTY_END = SessionEnd("interrupted", 0.0, 0, 0, None, None, None)


def session_lines(name: str, estimates: list[Estimate], end: SessionEnd = END, **info: object) -> list[str]:
    lines: list[str] = []
    sink = make_sink(name, lines.append)
    sink.open(replace(INFO, **info))  # type: ignore[arg-type]
    for estimate in estimates:
        sink.write(estimate)
    sink.notice(Notice("warning", "3.2 s behind real time"))
    sink.close(end)
    return lines


@pytest.mark.parametrize("name", SINKS)
def test_every_sink_takes_every_kind_of_estimate_and_writes_single_lines(name: str) -> None:
    for end in (END, EMPTY_END):
        for line in session_lines(name, [SPEECH, UNCERTAIN, SILENCE], end):
            assert "\n" not in line


def test_json_lines_are_schema_1() -> None:
    lines = session_lines("jsonl", [SPEECH, UNCERTAIN, SILENCE], source="a.wav")
    session, speech, uncertain, silence, notice, end = map(json.loads, lines)
    assert session == {
        "type": "session", "schema": 1, "model": "tiny", "variant": "fp32",
        "labels": ["neutral", "happiness", "sadness", "anger"], "dimensions": ["arousal", "valence", "dominance"],
        "window": 1.0, "hop": 0.25, "source": "a.wav", "dimensions_reference": "mapped",
    }  # fmt: skip
    assert list(speech) == [
        "type", "start", "end", "state", "reason", "label", "confidence", "scores", "arousal", "valence", "dominance",
        "speech", "snr_db", "compute_ms",
    ]  # fmt: skip
    assert speech == {
        "type": "estimate", "start": 12.25, "end": 13.25, "state": "speech", "reason": None, "label": "anger",
        "confidence": 0.62, "scores": {"neutral": 0.1, "happiness": 0.1235, "sadness": 0.1565, "anger": 0.62},
        "arousal": 0.71, "valence": -0.22, "dominance": 0.3, "speech": 0.93, "snr_db": 12.3, "compute_ms": 1.9,
    }  # fmt: skip
    assert (uncertain["state"], uncertain["label"], uncertain["scores"]) == ("uncertain", None, speech["scores"])
    assert silence == {
        "type": "estimate", "start": 0.0, "end": 1.0, "state": "no-speech", "reason": None, "label": None,
        "confidence": None, "scores": {}, "arousal": None, "valence": None, "dominance": None, "speech": 0.0,
        "snr_db": None, "compute_ms": 0.4,
    }  # fmt: skip
    assert notice == {"type": "notice", "kind": "warning", "text": "3.2 s behind real time"}
    assert end == {
        "type": "end", "reason": "eof", "duration": 63.5, "estimates": 251, "dropped_blocks": 0, "compute_ms_p50": 1.8,
        "compute_ms_p95": 2.3, "rtf": 0.008,
    }  # fmt: skip


def test_noise_is_told_as_the_reason_by_every_sink() -> None:
    said = json.loads(session_lines("jsonl", [NOISY])[1])
    assert (said["state"], said["reason"], said["snr_db"], said["label"]) == ("uncertain", "noise", -3.2, None)
    assert json.loads(session_lines("jsonl", [UNCERTAIN])[1])["reason"] == "confidence"
    header, row = csv.reader(session_lines("csv", [NOISY]))
    assert dict(zip(header, row, strict=True))["reason"] == "noise"
    assert dict(zip(header, row, strict=True))["snr_db"] == "-3.2"
    noisy, unsure = session_lines("plain", [NOISY, UNCERTAIN])[2:4]
    assert noisy.endswith("snr  -3 dB  too noisy")
    assert unsure.endswith("snr +12 dB")


def test_demo_and_reference_are_only_there_when_they_hold() -> None:
    (first, *_) = session_lines("jsonl", [], demo=True, mapped=False)
    record = json.loads(first)
    assert record["demo"] is True
    assert "dimensions_reference" not in record
    assert "demo" not in json.loads(session_lines("jsonl", [])[0])


def test_how_far_the_wearer_is_known_is_told_where_it_matters() -> None:
    heard = replace(SPEECH, wearer=0.416666)
    session, estimate, *_ = map(json.loads, session_lines("jsonl", [heard], baseline="adaptive"))
    assert session["baseline"] == "adaptive"
    assert estimate["wearer"] == 0.4167
    session, estimate, *_ = map(json.loads, session_lines("jsonl", [heard]))
    assert "baseline" not in session
    assert "wearer" not in estimate
    told = "\n".join(session_lines("plain", [heard], baseline="me"))
    assert "baseline: me" in told
    assert "valence -0.22  snr +12 dB  wearer  42%" in told
    assert "wearer" not in "\n".join(session_lines("plain", [heard]))


def test_an_empty_session_ends_with_nulls() -> None:
    end = json.loads(session_lines("jsonl", [], EMPTY_END)[-1])
    assert (end["compute_ms_p50"], end["compute_ms_p95"], end["rtf"]) == (None, None, None)


def test_a_file_name_in_no_encoding_is_still_json() -> None:
    name = os.fsdecode(b"caf\xe9 \xf0\x9f\x8e\xa4.wav")
    line = session_lines("jsonl", [], source=name)[0]
    assert line.isascii()
    assert json.loads(line)["source"] == name


def test_csv_has_one_header_over_several_sessions() -> None:
    lines: list[str] = []
    sink = make_sink("csv", lines.append)
    for source in ("a.wav", 'with, comma "and quotes".wav'):
        sink.open(replace(INFO, source=source))
        sink.write(SPEECH)
        sink.write(SILENCE)
        sink.close(END)
    rows = list(csv.DictReader(lines))
    assert lines[0] == (
        "file,start,end,state,label,confidence,neutral,happiness,sadness,anger,arousal,valence,dominance,speech,"
        "compute_ms,snr_db,reason"
    )
    assert [row["file"] for row in rows] == ["a.wav"] * 2 + ['with, comma "and quotes".wav'] * 2
    assert (rows[0]["label"], rows[0]["anger"], rows[0]["end"]) == ("anger", "0.62", "13.25")
    assert (rows[1]["state"], rows[1]["label"], rows[1]["anger"], rows[1]["arousal"]) == ("no-speech", "", "", "")


def test_plain_lines_say_what_people_need() -> None:
    lines = session_lines("plain", [SILENCE, SILENCE, SPEECH, UNCERTAIN, SILENCE], demo=True, source="demo clip")
    text = "\n".join(lines)
    assert lines[0].startswith("DEMO")
    assert "mapped" in text
    assert text.count("no speech") == 2
    assert "    13.25 s  anger       62% ######....  arousal +0.71  valence -0.22  snr +12 dB" in lines
    assert any("uncertain" in line for line in lines)
    assert "warning: 3.2 s behind real time" in lines
    assert lines[-1] == (
        "63.5 s of audio, 251 estimates, 0 blocks dropped, update 1.8 ms (p95 2.3 ms), 0.8% of real time"
    )


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with OutputFile(path) as file:
        file.write_line("one")
        assert not path.exists()
        assert (tmp_path / "out.jsonl.part").read_text() == "one\n"
        file.write_line("two")
    assert path.read_text() == "one\ntwo\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_kept_when_the_session_ends_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError), OutputFile(tmp_path / "out") as file:
        file.write_line("the end record says so")
        raise AudioFormatError
    assert (tmp_path / "out").read_text() == "the end record says so\n"


def test_a_bug_leaves_the_part_and_never_the_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), OutputFile(tmp_path / "out") as file:
        file.write_line("one")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["out.part"]


def test_a_table_that_an_error_broke_off_never_gets_the_name(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError), OutputFile(tmp_path / "out", table=True) as file:
        file.write_bytes(b"one\n")
        raise AudioFormatError
    assert [path.name for path in tmp_path.iterdir()] == ["out.part"]


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_a_file_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with OutputFile(path) as first:
        first.write_line("one")
        with pytest.raises(OutputError, match="another edge-ser is writing it now"), OutputFile(path):
            pass
        first.write_line("two")
    assert path.read_text() == "one\ntwo\n"


def test_where_there_are_no_locks_a_file_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with OutputFile(tmp_path / "out") as file:
        file.write_line("one")
    assert (tmp_path / "out").read_text() == "one\n"


def test_what_a_broken_run_left_behind_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.part").write_text("much that was left behind")
    with OutputFile(tmp_path / "out") as file:
        file.write_line("one")
    assert (tmp_path / "out").read_text() == "one\n"


def test_where_nothing_was_written_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old\n")
    with OutputFile(tmp_path / "out"):
        pass
    with pytest.raises(AudioFormatError), OutputFile(tmp_path / "out"):
        raise AudioFormatError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old\n"


class FullDisk:
    """A file on a disk that takes a few bytes and no more."""

    def __init__(self, file: object, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, content: bytes) -> None:
        self._room -= len(content)

    def flush(self) -> None:
        if self._room < 0:
            raise OSError(28, "No space left on device")

    def close(self) -> None:
        self._file.close()  # type: ignore[attr-defined]


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("an earlier result\n")
    file = OutputFile(path)
    with pytest.raises(OutputError, match=r"out\.jsonl: no space left on device"), file:
        file._file = FullDisk(file._file, room=10)  # type: ignore[assignment]
        file.write_line("fits")
        file.write_line("does not fit")
    assert path.read_text() == "an earlier result\n"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError):
        file.write_line("neither does this")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_directly_and_may_be_full() -> None:
    with pytest.raises(OutputError, match="/dev/full: no space left on device"), OutputFile("/dev/full") as file:
        file.write_line("x")
    assert Path("/dev/full").exists()


@pytest.mark.parametrize(("place", "says"), [("nowhere/out", "no such file"), (".", "is a directory")])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, place: str, says: str) -> None:
    with pytest.raises(OutputError, match=says), OutputFile(tmp_path / place):
        pytest.fail("opened")
