"""Noise and voices for made rooms: short, seeded, and told apart by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from train.corpora import Utterance
from train.noisy.build import Plan
from train.noisy.material import NoiseMaterial

RATE = 16_000
TRAIN_NAMES = ("bob", "cem", "dee", "eva", "fay", "hal")
"""Names whose checksum puts them on the side that trains."""


def changing(rng: np.random.Generator, duration: float) -> np.ndarray:
    """Noise whose level changes four times a second, loud enough to be none of the steady ones."""
    levels = np.repeat(rng.uniform(0.02, 0.2, round(4 * duration)), RATE // 4)
    return (levels * rng.normal(size=len(levels))).clip(-1, 1).astype(np.float32)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of sounds with names as in ESC-10: three recordings of 3 s in every fold."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(11)
    for number, name in enumerate(("rain", "dog")):
        (folder / name).mkdir()
        for fold in range(1, 6):
            for take in "ABC":
                path = folder / name / f"{fold}-{number}{fold}0-{take}.flac"
                soundfile.write(path, changing(rng, 3.0), RATE)
    return folder


@pytest.fixture(scope="session")
def talkers(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    """Twelve people, of whom each side has six, with three recordings of 2 s each."""
    folder = tmp_path_factory.mktemp("talkers")
    rng = np.random.default_rng(12)
    utterances = []
    for person in range(12):
        split = "test-other" if person % 2 else None
        for take in range(3):
            path = folder / f"{person}-{take}.flac"
            soundfile.write(path, changing(rng, 2.0), RATE)
            speaker = f"talkers/{person}" if split else f"talkers/{TRAIN_NAMES[person // 2]}"
            utterances.append(Utterance(path=path, corpus="talkers", speaker=speaker, language="und", split=split))
    return utterances


@pytest.fixture
def material(talkers: list[Utterance], sounds: Path) -> NoiseMaterial:
    """What noise of the test side is made of."""
    return NoiseMaterial("test", talkers, sounds)


@pytest.fixture
def plan() -> Plan:
    return Plan("voices", "5dB", "test", seed=3)
