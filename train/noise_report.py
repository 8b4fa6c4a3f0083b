"""Robustness curves as tables: for a terminal, and in Markdown for the pages and cards that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from edge_app.counted import counted
from train.noise_curves import CLEAN

Cells = list[str]

ERRORS = {
    "miss": "missed windows of speech",
    "false_alarm": "windows of silence taken for speech",
    "frame_miss": "missed frames of speech, before hysteresis",
    "frame_false_alarm": "frames of silence taken for speech, before hysteresis",
}
"""Figures of voice activity, and what they are called."""

NO_FRONT: Mapping[str, Any] = {"vad": {}, "meter": {}}
"""What a cross-validation measures of voice activity."""


def ratio_name(ratio: float | None) -> str:
    """``clean``, or decibels."""
    return CLEAN if ratio is None else f"{ratio:g} dB"


def curve_tables(report: Mapping[str, Any]) -> Iterator[tuple[str, Cells, list[Cells]]]:
    """The tables of a report, each with its title, header and rows: UAR, the CCC of each dimension, voice activity."""
    kinds: Mapping[str, Any] = report["curves"]
    first = next(iter(kinds.values()))["points"]
    header = ["noise", *(ratio_name(point["snr_db"]) for point in first)]
    yield (
        f"UAR (chance {report['chance']:g})",
        header,
        [[_kind(name, curve), *(_number(point["uar"]) for point in curve["points"])] for name, curve in kinds.items()],
    )
    for dimension in first[0]["ccc"] or {}:
        yield (
            f"CCC {dimension} ({report['reference']})",
            header,
            [
                [_kind(name, curve), *(_number(point["ccc"][dimension]) for point in curve["points"])]
                for name, curve in kinds.items()
            ],
        )


def front_tables(front: Mapping[str, Any]) -> Iterator[tuple[str, Cells, list[Cells]]]:
    """The tables of :func:`train.front_errors.measure_front`: misses and false alarms in %, and the meter's errors."""
    for detector, kinds in front["vad"].items():
        header = ["noise", *(ratio_name(point["snr_db"]) for point in next(iter(kinds.values())))]
        for figure, title in ERRORS.items():
            if figure not in next(iter(kinds.values()))[0]:
                continue
            rows = [[name, *(_percent(point[figure]) for point in points)] for name, points in kinds.items()]
            yield f"{detector}: {title}, %", header, rows
    if front["meter"]:
        header = ["noise", *(ratio_name(point["snr_db"]) for point in next(iter(front["meter"].values())))]
        rows = [[name, *map(_error, points)] for name, points in front["meter"].items()]
        yield "signal-to-noise ratio told minus true, dB: bias ± spread", header, rows


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _error(point: Mapping[str, Any]) -> str:
    return "–" if point["bias"] is None else f"{point['bias']:+.1f} ± {point['spread']:.1f}"


def _kind(name: str, curve: Mapping[str, Any]) -> str:
    heard = curve["heard_in_training"]
    return f"{name} ({'heard in training' if heard else 'heard in training?'})" if heard is not False else name


def remarks(report: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know beside the tables."""
    level = (
        f", whose median level is {report['speech_level_dbfs']:g} dBFS where somebody speaks"
        if "speech_level_dbfs" in report
        else ""
    )
    yield f"{counted(report['utterances'], 'utterance')}; noise scaled to the speech{level}; seed {report['seed']}"
    if report["trained_on_corpus"]:
        yield "Warning: the model was trained on these speakers, so the curves do not hold for strangers."


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a report."""
    if "protocol" in report:
        model = f"{report['model']} ({report['protocol']})"
    else:
        model = f"{report['model']} {report['version']} ({report['variant']})"
    console.print(f"{model} on {report['corpus']}, by {report['level']}, {report['vad']} voice activity")
    for line in remarks(report):
        console.print(line, style="yellow" if line.startswith("Warning") else None)
    for title, header, rows in (*curve_tables(report), *front_tables(report.get("front", NO_FRONT))):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
