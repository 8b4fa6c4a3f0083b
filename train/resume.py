"""A run is resumed by the experiment that began it, and by no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError
from train.config import ExperimentConfig

CONFIG = "config.json"


def begin_run(config: ExperimentConfig, path: Path) -> None:
    """Write the experiment into the folder of its run, or compare it with the one that is there.

    Raises:
        ConfigurationError: a run that is resumed was begun by another experiment; the text names the key.
    """
    new = json.loads(json.dumps(config.as_dict()))
    if not (path / CONFIG).is_file():
        (path / CONFIG).write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
        return
    try:
        old = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigurationError(f"{path / CONFIG}: is damaged; start again in another --output") from None
    changed = next(_changes(old, new), None)
    if changed is not None:
        key, before, now = changed
        raise ConfigurationError(
            f"{path}: was begun with {key} = {before!r}, the configuration now says {now!r}; resume with the former, "
            "or start again in another --output"
        )


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Keys whose values differ, as ``[section] key``, with both values; None where there is none."""
    for key in dict.fromkeys((*old, *new)):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _changes(before, now, f"[{key}] ")
        elif before != now:
            yield f"{section}{key}", before, now
