"""The figures that a bundle carries: those of its training run, and any that ``edge-ser evaluate --json`` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError
from train.figure_files import EVALUATION

KEPT = (
    "variant", "n", "utterances", "uar", "wa", "recall", "ccc", "ece", "interval", "reference", "trained_on_corpus",
)  # fmt: skip


def validation_metrics(record: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a run on its validation speakers, from its ``run.json``."""
    found = record["validation"]
    return {
        "n": int(found["utterances"]),
        "uar": round(float(found["uar"]), 4),
        "wa": round(float(found["accuracy"]), 4),
    }


def read_metrics(paths: Sequence[Path], name: str, version: str) -> dict[str, Any]:
    """Figures that were measured on a bundle of this name and version, by condition.

    Args:
        paths: files of ``edge-ser evaluate --json``.
        name: of the bundle that is exported.
        version: its version.

    Returns:
        For each condition (such as ``urdu/utterance`` or ``emodb/utterance/noise 10 dB``) its figures.

    Raises:
        ConfigurationError: a file is not such a file, belongs to another model, or repeats a condition.
    """
    metrics: dict[str, Any] = {}
    for path in paths:
        found = EVALUATION.read(path)
        with EVALUATION.expected(path):
            measured = (found["model"], found["version"])
            condition = _condition(found)
            kept = {key: found[key] for key in KEPT}
        if measured != (name, version):
            raise ConfigurationError(
                f"{path}: figures of {' '.join(map(str, measured))}, but {name} {version} is exported; measure it again"
            )
        if condition in metrics:
            raise ConfigurationError(f"{path}: {condition} was given already; leave one of the two out")
        metrics[condition] = kept
    return metrics


def _condition(found: Mapping[str, Any]) -> str:
    parts = [str(found["corpus"]), str(found["level"])]
    if split := found.get("split"):
        parts.append(f"split {split}")
    if noise := found.get("noise"):
        parts.append(f"noise {float(noise['snr_db']):g} dB")
    if (baseline := (found.get("baseline") or {}).get("setting", "none")) != "none":
        parts.append(f"baseline {baseline}")
    if found["variant"] != "int8":
        parts.append(str(found["variant"]))
    return "/".join(parts)
