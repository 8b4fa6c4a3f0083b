"""Files of baselines: they come back as they were, and what is wrong with one is a clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from enrolling import enroll, statistics, write

from edge_app import enrolled
from edge_app.enrolled import EnrolledWearer, find_wearer, read_wearer, write_wearer
from edge_app.errors import BaselineError, OutputError


def test_what_is_stored_comes_back(folder: Path) -> None:
    wearer = EnrolledWearer("me", "2026-11-21", (statistics(), statistics("e" * 64)))
    found = read_wearer(write_wearer(wearer))
    assert (found.name, found.date) == ("me", "2026-11-21")
    for before, after in zip(wearer.statistics, found.statistics, strict=True):
        assert (before.digest, before.seconds, before.count) == (after.digest, after.seconds, after.count)
        assert np.array_equal(before.mean, after.mean)
        assert np.array_equal(before.variance, after.variance)


GOOD = {"type": "edge-ser baseline", "schema": 1, "name": "me", "date": "2026-11-21"}
ENTRY = {"digest": "d", "window": 16000, "seconds": 9.0, "count": 3, "mean": [1.0], "variance": [1.0]}
DAMAGE = {
    "empty": "",
    "cut short": '{"type": "edge-ser baseline", "schema": 1',
    "binary": b"\xff\xfe\x00PK",
    "a list": "[]",
    "another JSON file": '{"schema": 1, "name": "chunk-cnn"}',
    "another schema": json.dumps(GOOD | {"schema": 2, "features": [ENTRY]}),
    "no features": json.dumps(GOOD),
    "features of another kind": json.dumps(GOOD | {"features": 3}),
    "no mean": json.dumps(GOOD | {"features": [{key: ENTRY[key] for key in ENTRY if key != "mean"}]}),
    "not a number": json.dumps(GOOD | {"features": [ENTRY | {"mean": [float("nan")]}]}),
    "words": json.dumps(GOOD | {"features": [ENTRY | {"mean": ["loud"]}]}),
    "lengths that differ": json.dumps(GOOD | {"features": [ENTRY | {"mean": [1.0, 2.0]}]}),
    "a negative variance": json.dumps(GOOD | {"features": [ENTRY | {"variance": [-1.0]}]}),
    "no numbers": json.dumps(GOOD | {"features": [ENTRY | {"mean": [], "variance": []}]}),
    "nested beyond sense": "[" * 100_000,
    "beyond single precision": json.dumps(GOOD | {"features": [ENTRY | {"mean": [1e300]}]}),
    "fewer windows than one": json.dumps(GOOD | {"features": [ENTRY | {"count": -1}]}),
    "no date": json.dumps(GOOD | {"date": "yesterday", "features": [ENTRY]}),
    "a name that commands the terminal": json.dumps(GOOD | {"name": "\x1b[2J", "features": [ENTRY]}),
    "no speech": json.dumps(GOOD | {"features": [ENTRY | {"seconds": 0.0}]}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_file_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    content = DAMAGE[damage]
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BaselineError) as caught:
        find_wearer(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BaselineError, match="no such file"):
        find_wearer("/nowhere/me.json")


def test_a_folder_that_cannot_be_made_is_told_before_anybody_reads(
    tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGE_SER_BASELINES", str(tmp_path / "file" / "wearers"))
    done = enroll("--name", "me", "--input", speech)
    assert isinstance(done.exception, OutputError)
    assert "EDGE_SER_BASELINES" in str(done.exception)


def test_a_folder_without_permission_is_told(folder: Path, speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    done = enroll("--name", "me", "--input", speech)
    assert isinstance(done.exception, OutputError)
    assert "cannot be written" in str(done.exception)


def test_a_full_disk_leaves_nothing_and_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wearer(EnrolledWearer("me", "2026-11-20", (statistics(),)))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(enrolled.os, "fsync", full)
    with pytest.raises(OutputError, match="no space left on device; nothing was stored"):
        write_wearer(EnrolledWearer("me", "2026-11-21", (statistics(),)), replace=True)
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


def test_errors_are_one_line_and_exit_code_2(tmp_path: Path, folder: Path) -> None:
    write(tmp_path / "silence.wav", np.zeros(16000, np.float32))
    command = [sys.executable, "-m", "edge_app", "enroll", "--name", "me", "--input", str(tmp_path / "silence.wav")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("edge-ser: cannot enrol from silence")
    assert len(done.stderr.splitlines()) == 1
