"""A small run, trained for seconds on windows whose classes differ in where their energy lies and how it moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_app.core.baseline import Baseline  # noqa: E402
from edge_app.core.features import LogMel  # noqa: E402
from edge_app.core.labels import FOUR_CLASSES  # noqa: E402
from train.config import parse_config  # noqa: E402
from train.run import Run, build_net  # noqa: E402

FRAMES, DIMENSION = 61, 128


def structured_windows(count: int, seed: int, frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Standardised windows and their classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % len(FOUR_CLASSES)
    band, frame = np.arange(DIMENSION), np.arange(frames)
    centre = 20 + 25 * classes + rng.normal(0, 4, count)
    bump = np.exp(-(((band - centre[:, None]) / 14) ** 2))
    phase = rng.uniform(0, 2 * np.pi, count)
    pulse = 1 + np.sin(2 * np.pi * frame * (1 + classes[:, None]) / FRAMES + phase[:, None])
    windows = 1.5 * bump[:, None, :] * pulse[:, :, None] + rng.normal(0, 0.8, (count, frames, DIMENSION))
    return windows.astype(np.float32), classes


def train_briefly(net: torch.nn.Module, windows: np.ndarray, classes: np.ndarray, steps: int = 40) -> None:
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    features, target = torch.from_numpy(windows), torch.from_numpy(classes)
    net.train()
    for step in range(steps):
        batch = torch.arange(step * 32, step * 32 + 32) % len(features)
        output = net(features[batch])
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(output.logits, target[batch]).backward()
        optimiser.step()
    net.eval()


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run in memory; use dataclasses.replace to change it."""
    config = parse_config({"name": "small", "model": {"net": "chunk-cnn"}}, "test")
    torch.manual_seed(0)
    net = build_net(config)
    training, classes = structured_windows(256, seed=1)
    train_briefly(net, training, classes)
    validation, truth = structured_windows(200, seed=2)
    return Run(
        path=Path(tmp_path_factory.mktemp("run")),
        config=config,
        net=net,
        baseline=Baseline(
            LogMel().spec.digest,
            1234,
            np.linspace(-50, -30, DIMENSION, dtype=np.float32),
            np.linspace(8, 16, DIMENSION, dtype=np.float32),
        ),
        calibration=training[:128],
        validation=validation,
        validation_utterance=np.arange(200) // 4,
        validation_class=truth,
        record={
            "command": "train small --root /data/speech --output runs/small",
            "seed": 0,
            "epochs": 1,
            "validation": {"uar": 0.9, "accuracy": 0.91, "utterances": 50, "temperature": 1.1},
            "corpora": {
                "emodb": corpus_record("CC0-1.0", "any use"),
                "nemo": corpus_record("CC BY-NC-SA 4.0", "non-commercial"),
            },
            "versions": {"edge-ser": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"},
        },
    )


@pytest.fixture(scope="session")
def stream_run(small_run: Run) -> Run:
    """A finished run of a net that reads a stream, on stretches of a second and a half."""
    model = {"net": "cpc-attention", "width": 96, "context": 64, "heads": 2}
    config = parse_config({"name": "stream", "model": model}, "test")
    torch.manual_seed(0)
    net = build_net(config)
    training, classes = structured_windows(256, seed=1, frames=94)
    train_briefly(net, training, classes)
    validation, truth = structured_windows(200, seed=2, frames=94)
    return replace(
        small_run,
        config=config,
        net=net,
        calibration=training[:128],
        validation=validation,
        validation_class=truth,
        record={**small_run.record, "command": "train stream"},
    )


def corpus_record(licence: str, shippable: str) -> dict[str, object]:
    return {
        "licence": licence,
        "shippable": shippable,
        "utterances": 1000,
        "speakers": 10,
        "validation_speakers": ["x/1", "x/2"],
        "sha256": "ab" * 32,
    }
