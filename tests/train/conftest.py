"""A made corpus whose classes can be heard apart: what training is tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from buzz import voice
from functionals import LogMelStatistics

from edge_app.core.features import EXTRACTORS
from train.config import ExperimentConfig, parse_config

CLASSES = {"neutral": 0.0, "happiness": 4.0, "sadness": -4.0, "anger": 9.0, "fear": 6.0}
SPEAKERS = ("a", "b", "c", "d")


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 40 utterances: 4 speakers, 5 labels, 2 takes each."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(3)
    lines = ["path,speaker,label"]
    for index, speaker in enumerate(SPEAKERS):
        for label, semitones in CLASSES.items():
            for take in range(2):
                name = f"{speaker}-{label}-{take}.wav"
                pitch = (110 + 20 * index) * 2 ** (semitones / 12)
                soundfile.write(folder / name, voice(pitch, 0.15, 1.6, rng), 16000, subtype="PCM_16")
                lines.append(f"{name},{speaker},{label}")
    manifest = folder / "voices.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    noise = folder / "noise"
    noise.mkdir()
    soundfile.write(noise / "hiss.wav", rng.normal(0, 0.1, 48000).astype(np.float32), 16000)
    return manifest


@pytest.fixture
def small(voices: Path) -> ExperimentConfig:
    """An experiment on the made corpus that trains in seconds."""
    return parse_config(
        {
            "name": "small",
            "model": {"net": "chunk-cnn", "width": 8},
            "data": {"corpora": [str(voices)], "validation_share": 0.25},
            "waveform": {"copies": 1, "rooms": 2},
            "optimiser": {"epochs": 2, "steps": 4, "batch": 16, "average": 0.5},
        },
        "test",
    )


@pytest.fixture
def statistics(monkeypatch: pytest.MonkeyPatch) -> str:
    """A kind of features that are functionals."""
    monkeypatch.setitem(EXTRACTORS, LogMelStatistics.kind, LogMelStatistics)
    return LogMelStatistics.kind


@pytest.fixture
def small_table(voices: Path, statistics: str) -> ExperimentConfig:
    """An experiment on functionals of the made corpus that trains in seconds."""
    return parse_config(
        {
            "name": "small-table",
            "model": {"net": "dae"},
            "data": {"corpora": [str(voices)], "features": statistics, "validation_share": 0.25},
            "waveform": {"copies": 1, "rooms": 2},
            "autoencoder": {"metric": "arousal"},
            "optimiser": {"epochs": 4, "steps": 100, "batch": 16, "rate": 1e-2},
        },
        "test",
    )
