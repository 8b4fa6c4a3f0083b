"""The table of the README says what the files in ``docs/results`` say, and under which baseline."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from edge_app.bundle import load_bundle

REPOSITORY = Path(__file__).parent.parent
EVALUATED = sorted((REPOSITORY / "docs" / "results").glob("evaluate-*.json"))


def baseline(figures: dict[str, Any]) -> str:
    """The baseline of a file of figures; older ones do not name it, and had none."""
    return str((figures.get("baseline") or {}).get("setting", "none"))


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(REPOSITORY / "scripts" / "write-results"))


@pytest.mark.parametrize("path", EVALUATED, ids=lambda path: path.stem)
def test_every_evaluation_has_its_row(path: Path, script: dict[str, Any]) -> None:
    figures = json.loads(path.read_text(encoding="utf-8"))
    row = script["evaluation_row"](figures)
    assert row in (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    assert f"**{figures['uar']:.3f}**" in row
    default = load_bundle(figures["model"]).wearer.default
    assert ("baseline none |" in row) == (default == "adaptive" and baseline(figures) == "none")
    assert ("baseline adaptive, as shipped |" in row) == (baseline(figures) == default == "adaptive")


def test_what_adapts_unless_told_otherwise_is_measured_so() -> None:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in EVALUATED]
    adaptive = {name for name in {figures["model"] for figures in found} if load_bundle(name).wearer.default != "none"}
    assert len(adaptive) >= 8
    assert adaptive == {figures["model"] for figures in found if baseline(figures) == "adaptive"}
