"""Recordings for tables of features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import voice

from edge_app.core.types import SAMPLE_RATE


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Recordings whose order by name, by depth and by length differ."""
    root = tmp_path / "recordings"
    (root / "deeper").mkdir(parents=True)
    for name, duration in (("b.wav", 2.6), ("deeper/c.flac", 0.4), ("a, first.wav", 1.5)):
        soundfile.write(root / name, voice(rng, duration), SAMPLE_RATE)
    return root
