"""Figures as a table for people, as JSON for programs, as a page for the repository."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import edge_app
from edge_app.bench import BENCHES
from edge_app.bench.figures import Figure
from edge_app.errors import OutputError

GOALS = {
    "update_int8": "1.0, p95 2.0",
    "peer_ratio": "18",
    "egemaps_window": "1.5",
    "egemaps_window_ratio": "12",
    "egemaps_rtf": "0.006",
    "startup_first_block": "800",
    "startup_help": "300",
    "memory_jsonl": "95",
    "memory_tui": "125",
    "size_int8": "300",
    "hour_rtf": "0.006",
    "hour_growth": "2",
    "clip_end_to_end": "p95 15",
    "clip_dropped": "0",
    "clip_changes_ratio": "1.3",
    "clip_delay": "1.5",
}
"""What the project holds itself to; at most, but for ratios to openSMILE, which are at least."""


def shown(value: float | None) -> str:
    """A value with three or more significant digits."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4f}" if abs(value) < 0.1 else f"{value:.2f}"


def as_json(machine: Mapping[str, str], model: str, speech: str, figures: Sequence[Figure]) -> str:
    """All there is, for programs."""
    record = {
        "schema": 1,
        "version": edge_app.__version__,
        "model": model,
        "speech": speech,
        "machine": dict(machine),
        "figures": [asdict(figure) for figure in figures],
    }
    return json.dumps(record, indent=2) + "\n"


def as_markdown(
    machine: Mapping[str, str],
    model: str,
    speech: str,
    figures: Sequence[Figure],
    names: Sequence[str],
    options: str = "",
) -> str:
    """The page of the repository.

    Args:
        machine: what ran it.
        model: its name and version.
        speech: what it heard.
        figures: what came out.
        names: the benchmarks.
        options: others than names and files that the command was given.
    """
    lines = [
        "# Benchmarks",
        "",
        f"Written by `edge-ser bench {' '.join(names)}{options} --markdown FILE`: edge-ser {edge_app.__version__},",
        f"model {model}, speech: {speech}. What is measured runs on one core. Goals are upper bounds, except for",
        "ratios to openSMILE.",
        "",
        f"Machine: {'; '.join(f'{name} {value}' for name, value in machine.items())}.",
        "",
        "| what | median | p95 | p99 | unit | values | goal |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for figure in figures:
        cells = (
            figure.what,
            shown(figure.median) if not figure.note else figure.note,
            shown(figure.p95),
            shown(figure.p99),
            figure.unit,
            str(figure.count),
            GOALS.get(figure.key, ""),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## How", ""]
    lines += [f"- **{name}**: {BENCHES[name].method}" for name in names]
    return "\n".join(lines) + "\n"


def write_report(path: Path, text: str) -> None:
    """Write a report.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; choose another place for the report") from None
