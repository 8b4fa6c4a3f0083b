"""A place for baselines, and speech to enrol from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from enrolling import write
from fakes import voice


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of enrolled baselines, empty; the only model is the tiny one."""
    monkeypatch.setenv("EDGE_SER_BASELINES", str(tmp_path / "wearers"))
    monkeypatch.setattr("edge_app.bundle.model_folders", lambda: [tiny_bundle.parent])
    return tmp_path / "wearers"


@pytest.fixture
def speech(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write(tmp_path / "speech.wav", voice(rng, 16.0))
