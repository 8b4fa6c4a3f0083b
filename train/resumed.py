"""A run goes on only as it began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError
from train.config import ExperimentConfig

BEGUN = "begun.json"
LAST = "last.ckpt"
STARTED = {"checkpoints", "tensorboard"}


def occupied(run: Path) -> bool:
    """Whether the folder of a run holds more than a start that never came to a checkpoint to go on from."""
    others = [path for path in run.iterdir() if path.name not in STARTED] if run.is_dir() else []
    return (run / "checkpoints" / LAST).is_file() or bool(others)


def begin(config: ExperimentConfig, folder: Path, *, resume: bool) -> None:
    """Note what a training begins with, or, where it goes on, refuse what has changed since.

    Args:
        config: the experiment.
        folder: of its checkpoints.
        resume: whether it goes on.

    Raises:
        ConfigurationError: naming the first key that has another value.
    """
    path = folder / BEGUN
    now = json.loads(json.dumps(config.as_dict()))
    if resume and path.is_file() and occupied(folder.parent):
        before = json.loads(path.read_text(encoding="utf-8"))
        for key, was, value in _changes(before, now):
            raise ConfigurationError(
                f"{folder.parent}: was begun with {key} = {json.dumps(was)}, and it is {json.dumps(value)} now; put it "
                "back to resume, or train into another --output"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, old and new value of every key that differs, such as ``[optimiser] rate``."""
    changes: list[tuple[str, Any, Any]] = []
    for section in sorted({*before, *now}):
        was, value = before.get(section), now.get(section)
        if isinstance(was, dict) and isinstance(value, dict):
            keys = sorted({*was, *value})
            pairs = [(f"[{section}] {key}", was.get(key), value.get(key)) for key in keys]
        else:
            pairs = [(section, was, value)]
        changes += [change for change in pairs if change[1] != change[2]]
    return changes
