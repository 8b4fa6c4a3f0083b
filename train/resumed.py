"""A run goes on only as it began, and a start that never came to a checkpoint leaves none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from edge_app.errors import ConfigurationError, EdgeSerError, OutputError
from train.config import ExperimentConfig

BEGUN = "begun.json"
LAST = "last.ckpt"
PLAN = "adaptation.json"
FINISHED = "run.json"
STARTED = {"checkpoints", "tensorboard", PLAN}
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def occupied(run: Path) -> bool:
    """Whether the folder of a run holds more than a start that never came to a checkpoint to go on from."""
    others = [path for path in run.iterdir() if path.name not in STARTED] if run.is_dir() else []
    return (run / "checkpoints" / LAST).is_file() or bool(others)


@contextmanager
def run_folder(run: Path, *, resume: bool) -> Iterator[None]:
    """The folder of a run while it is trained. Ctrl-C is told on standard error, with how to go on.

    A folder that was not there before is taken away again where the start is refused, or ends before the first
    checkpoint.

    Args:
        run: the folder.
        resume: whether it goes on.

    Raises:
        ConfigurationError: it holds a run, and that is not to go on, or is finished.
        OutputError: it cannot be made.
        click.exceptions.Exit: with 130, it was interrupted.
    """
    if occupied(run) and not resume:
        raise ConfigurationError(f"{run}: holds a run already; add --resume, or choose another --output")
    if resume and (run / FINISHED).is_file():
        raise ConfigurationError(f"{run}: is finished, there is nothing to resume; choose another --output")
    made = not run.exists()
    try:
        (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run}: {error.strerror}; choose another --output") from None
    try:
        yield
    except (EdgeSerError, KeyboardInterrupt, SystemExit) as error:
        kept = (run / "checkpoints" / LAST).is_file()
        if made and not occupied(run):
            shutil.rmtree(run, ignore_errors=True)
        if isinstance(error, EdgeSerError):
            raise
        # Else it was Ctrl-C, of which Lightning may make the end of the process.
        how = "with --resume goes on from the last epoch" if kept else "begins again: no epoch was finished"
        click.echo(f"edge-ser: interrupted; the same command {how}", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None


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
