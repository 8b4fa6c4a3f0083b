"""The page of settings says what the code has."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")

REPOSITORY = Path(__file__).parent.parent
PAGE = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_page_is_what_its_script_writes():
    assert runpy.run_path(str(REPOSITORY / "scripts" / "write-configuration"))["page"]() == PAGE


def test_every_key_has_a_meaning():
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if len(row[-1].strip(" |")) < 3]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "train" / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_keys_that_configurations_set_are_there(path: Path):
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    values.pop("name")
    values["model"].pop("net")
    for section in values.values():
        for key in section:
            assert f"\n| `{key}` |" in PAGE
