"""Who may import whom, and what runs where nothing of the training side is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from device import REPOSITORY_SIDE, TRAINING_SIDE, run_device

REPOSITORY = Path(__file__).parent.parent
HEAVY = ("numpy", "onnxruntime", "sounddevice", "soundfile", "soxr", "webrtcvad", "textual", "rich")
LONGEST_FILE = 400


def test_contracts_are_kept() -> None:
    pytest.importorskip("importlinter")
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["edge_app", "edge_app.cli"])
def test_starting_imports_nothing_heavy(tmp_path: Path, module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = run_device(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", [*TRAINING_SIDE, *REPOSITORY_SIDE])
def test_the_training_side_is_hidden(tmp_path: Path, name: str) -> None:
    done = run_device(tmp_path, "-c", f"import {name}")
    assert f"No module named '{name}'" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["listen", "--help"], ["analyze", "--help"],
                                       ["devices", "--help"], ["doctor", "--help"], ["bench", "--help"]])  # fmt: skip
def test_the_command_line_needs_no_training_side(tmp_path: Path, arguments: list[str]) -> None:
    done = run_device(tmp_path, "-m", "edge_app", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr


def test_models_are_listed_without_training_side(tmp_path: Path, tiny_bundle: Path) -> None:
    done = run_device(tmp_path, "-m", "edge_app", "models", models=tiny_bundle.parent)
    assert done.returncode == 0, done.stderr
    assert "tiny" in done.stdout


def test_a_file_is_listened_to_without_training_side(tmp_path: Path, tiny_bundle: Path) -> None:
    clip = REPOSITORY / "edge_app" / "assets" / "demo.opus"
    done = run_device(
        tmp_path, "-m", "edge_app", "listen", "--model", str(tiny_bundle), "--input", str(clip), "--ui", "jsonl"
    )
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["type"] == "session"
    assert records[-1] == {**records[-1], "type": "end", "reason": "eof", "dropped_blocks": 0}
    assert records[-1]["estimates"] == sum(record["type"] == "estimate" for record in records)


@pytest.mark.parametrize("room", ["edge_app", "train", "export", "scripts"])
def test_no_file_is_too_long_to_read(room: str) -> None:
    lengths = {
        path.relative_to(REPOSITORY): len(path.read_text(encoding="utf-8").splitlines())
        for path in (REPOSITORY / room).rglob("*.py")
    }
    assert not {path: length for path, length in lengths.items() if length > LONGEST_FILE}
