"""The page on smoothing says what the files in ``docs/results`` say, and what ships is what they choose."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from edge_app.core.smoothing import SmoothingSettings
from edge_app.errors import ConfigurationError

pytest.importorskip("torch")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "scripts" / "measure-smoothing"))


@pytest.fixture(scope="module")
def groups(script: dict[str, Any]) -> list[dict[str, Any]]:
    return [script["FIGURES"].read(path) for path in sorted(script["RESULTS"].glob("smoothing-*.json"))]


def test_the_tables_are_those_of_the_files(script: dict[str, Any], groups: list[dict[str, Any]]) -> None:
    page = script["PAGE"].read_text(encoding="utf-8")
    for group in groups:
        assert script["section"](group, script["others"](group, groups)) in page
    usual = [group for group in groups if group["vad"] == "webrtc" and not group["judge"]]
    assert "\n".join(script["grid"](usual)) in page


def test_what_ships_is_what_all_groups_choose(script: dict[str, Any], groups: list[dict[str, Any]]) -> None:
    choosing = [group["settings"] for group in groups if group["vad"] == "webrtc" and not group["judge"]]
    chosen = choosing[0][script["choose"](choosing)]["smoothing"]
    assert SmoothingSettings(**chosen) == SmoothingSettings()
    for group in groups:
        assert SmoothingSettings(**group["shipped"]["smoothing"]) == SmoothingSettings()


def test_nothing_is_chosen_on_its_own_corpus(script: dict[str, Any]) -> None:
    groups = [
        {"name": name, "corpus": corpus, "vad": vad, "judge": judge}
        for name, corpus, vad, judge in [
            ("a", "emodb", "webrtc", False), ("b", "emodb", "webrtc", False), ("c", "nemo", "webrtc", False),
            ("d", "nemo", "webrtc", True), ("e", "nemo", "silero", False),
        ]
    ]  # fmt: skip
    assert [other["name"] for other in script["others"](groups[0], groups)] == ["c"]
    assert [other["name"] for other in script["others"](groups[2], groups)] == ["a", "b"]
    assert script["others"](groups[4], groups) == []


def test_clips_are_heard_by_the_bundle_before_them(script: dict[str, Any]) -> None:
    found = list(script["pairs"](["one", "a.flac", "b.WAV", "folder/two", "c.flac"]))
    assert found == [("one", Path("a.flac")), ("one", Path("b.WAV")), ("folder/two", Path("c.flac"))]
    with pytest.raises(ConfigurationError, match="name the bundle that hears it before it"):
        list(script["pairs"](["a.flac", "one"]))
