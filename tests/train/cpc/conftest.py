"""A folder of made speech that nobody labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from buzz import voice

pytest.importorskip("torch")

from train.config import ExperimentConfig, parse_config


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 recordings of 2 s in two folders, one more that is no audio, and one too short to predict anything in."""
    folder = tmp_path_factory.mktemp("talk")
    rng = np.random.default_rng(5)
    for number in range(16):
        path = folder / f"part{number % 2}" / f"{number:02}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, voice(rng.uniform(90, 250), 0.15, 2.0, rng), 16000, subtype="PCM_16")
    (folder / "part0" / "broken.wav").write_bytes(b"RIFF, but not quite")
    soundfile.write(folder / "part1" / "short.wav", voice(120, 0.15, 0.1, rng), 16000, subtype="PCM_16")
    return folder


@pytest.fixture
def predicting(talk: Path) -> ExperimentConfig:
    """Pre-training on the made speech that takes seconds."""
    return parse_config(
        {
            "name": "predicting",
            "model": {"net": "cpc-attention", "width": 16, "context": 16, "heads": 2},
            "data": {"corpora": [], "unlabelled": [str(talk)]},
            "cpc": {"ahead": 3, "count": 8, "seconds": 1.28, "held_out": 0.3},
            "optimiser": {"epochs": 2, "steps": 6, "batch": 4, "rate": 3e-3},
        },
        "test",
    )
