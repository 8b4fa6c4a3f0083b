"""What the documents say is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import edge_app
from edge_app.bundle import load_bundle
from edge_app.cli import COMMANDS
from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate
from edge_app.demo import CLIP
from edge_app.sinks.jsonl import JsonLines

REPOSITORY = Path(__file__).parent.parent
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def tables(page: Path) -> dict[str, set[str]]:
    """Fields that the first column of the tables under each heading names, e.g. ``end`` to its fields."""
    fields: dict[str, set[str]] = {}
    heading = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"## `(\w+)`", line):
            heading = found.group(1)
        elif heading and line.startswith("| `"):
            fields.setdefault(heading, set()).update(re.findall(r"`(\w+)`", line.split("|")[1]))
    return fields


def records() -> dict[str, dict[str, Any]]:
    """One record of each type, with every field that there is."""
    lines: list[str] = []
    sink = JsonLines(lines.append)
    info = SessionInfo("tiny", "fp32", ("neutral",), ("arousal",), 1.0, 0.25, "test", True, baseline="me", memory=4.0)
    sink.open(info)
    sink.write(Estimate(0, 16000, "no-speech", None, None, {}, None, None, None, 0.0, 0.001))
    sink.notice(Notice("info", "it is back"))
    sink.close(SessionEnd("eof", 1.0, 1, 0, 1.0, 1.0, 0.1))
    return {record["type"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize("kind", ["session", "estimate", "notice", "end"])
def test_every_field_of_json_lines_is_described(kind: str) -> None:
    described = tables(REPOSITORY / "docs" / "json-lines.md")[kind]
    if kind == "estimate":
        described -= {"uncertain", "noise"}
    assert described - {"speech"} == set(records()[kind]) - {"type", "speech"}


def test_examples_of_json_lines_have_the_fields_they_should() -> None:
    (example,) = fenced(REPOSITORY / "docs" / "json-lines.md", "json")
    for record in map(json.loads, example.splitlines()):
        assert set(record) <= set(records()[record["type"]])
        left_out = set(records()[record["type"]]) - set(record)
        assert left_out <= {"demo", "dimensions_reference", "baseline", "memory", "wearer"}


def test_examples_of_json_lines_are_of_the_default_model() -> None:
    (example,) = fenced(REPOSITORY / "docs" / "json-lines.md", "json")
    session, *estimates, end = map(json.loads, example.splitlines())
    bundle = load_bundle("default")
    assert (session["model"], tuple(session["labels"])) == (bundle.name, bundle.labels)
    assert {tuple(estimate["scores"]) for estimate in estimates} <= {bundle.labels, ()}
    assert end["duration"] == pytest.approx(soundfile.info(REPOSITORY / session["source"]).duration, abs=1e-3)


def test_the_example_in_python_runs(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, rate = soundfile.read(CLIP, dtype="float32")
    assert rate == 16000
    soundfile.write(tmp_path / "speech.wav", clip, rate)
    models = tmp_path / "models"
    models.mkdir()
    (models / "joint").symlink_to(tiny_bundle)
    monkeypatch.setenv("EDGE_SER_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    (code,) = fenced(REPOSITORY / "docs" / "python.md", "python")
    names: dict[str, Any] = {}
    exec(compile(code, "python.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == (len(clip) - 16000) // 8000 + 1
    assert any(line.split()[1] == "speech" for line in printed)
    assert isinstance(names["last"], list)
    assert isinstance(names["samples"], np.ndarray)


def test_python_names_are_the_public_ones() -> None:
    text = (REPOSITORY / "docs" / "python.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{name}\b", text) for name in edge_app.__all__ if name != "__version__")


@pytest.mark.parametrize("name", edge_app.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(edge_app, name) is not None


def test_no_other_name_is_public() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pipelines'"):
        edge_app.pipelines  # noqa: B018


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_documents_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    code = [*re.findall(r"`([^`]+)`", prose), *re.sub("#.*", "", "".join(fenced(page, "sh"))).splitlines()]
    named = {name for span in code for name in re.findall(r"\bedge-ser ([a-z]+)", span)}
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_in_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
