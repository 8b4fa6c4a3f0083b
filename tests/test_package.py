"""What is shipped: the version, and what is and is not in the wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import edge_app

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == edge_app.__version__


def test_the_wheel_has_the_program_and_no_training_side(wheel: zipfile.ZipFile) -> None:
    rooms = {name.partition("/")[0] for name in wheel.namelist()}
    assert rooms == {"edge_app", f"edge_ser-{edge_app.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if name.endswith(".pyc") or "/tests/" in name]


def test_the_wheel_has_every_file_of_the_program(wheel: zipfile.ZipFile) -> None:
    wanted = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "edge_app").rglob("*")
        if path.suffix in {".py", ".tcss", ".opus", ".typed"}
    }
    assert {"edge_app/cli.py", "edge_app/py.typed", "edge_app/assets/demo.opus"} <= wanted
    assert wanted <= set(wheel.namelist())


def test_the_wheel_has_every_bundle(wheel: zipfile.ZipFile) -> None:
    files = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "models").rglob("*") if path.is_file()}
    assert {f"edge_app/{name}" for name in files} <= set(wheel.namelist())


def test_installing_it_brings_no_torch(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read(f"edge_ser-{edge_app.__version__}.dist-info/METADATA").decode())
    needed = [entry for entry in metadata.get_all("Requires-Dist", []) if "extra ==" not in entry]
    names = {re.split(r"[<>=!~; \[]", entry)[0] for entry in needed}
    assert names == {
        "click", "numpy", "onnxruntime", "platformdirs", "rich", "sounddevice", "soundfile", "soxr", "textual",
        "webrtcvad-wheels",
    }  # fmt: skip
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
