"""Robustness curves in a bundle: what its card shows of them, and the ratio below which it claims nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError
from train.corpora import CORPORA
from train.figure_files import CURVES
from train.noise_curves import MARGIN, TYPE, least_ratio
from train.noise_report import NO_FRONT, curve_tables, front_tables, markdown

PICTURE = "noise.png"
KEPT = (
    "type", "model", "version", "protocol", "also", "corpus", "level", "vad", "variant", "n", "utterances", "labels",
    "reference", "trained_on_corpus", "chance", "seed", "split", "speech_level_dbfs",
)  # fmt: skip


def is_curves(path: Path) -> bool:
    """Whether a file holds curves; one that cannot be read does not."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("type") == TYPE


def read_curves(paths: Sequence[Path], name: str, version: str, experiment: str) -> list[dict[str, Any]]:
    """The curves that were measured on a bundle of this name and version, or on the folds of its experiment.

    Args:
        paths: files of ``edge-ser evaluate --noise --json`` or ``edge-ser crossval --noise --curves``.
        name: of the bundle that is exported.
        version: its version.
        experiment: the name of its configuration.

    Returns:
        The reports, without figures that a card does not show.

    Raises:
        ConfigurationError: a file is not such a file, belongs to another model, or repeats a corpus.
    """
    reports: list[dict[str, Any]] = []
    for path in paths:
        found = CURVES.read(path)
        folds = "protocol" in found
        with CURVES.expected(path):
            measured = (found["model"], None if folds else found["version"])
            kept, title = _kept(found), heading(found)
        if measured != ((experiment, None) if folds else (name, version)):
            raise ConfigurationError(
                f"{path}: curves of {found['model']} {found.get('version', '(folds)')}, but {name} {version} is "
                "exported; measure them again"
            )
        if any(title == heading(other) for other in reports):
            raise ConfigurationError(f"{path}: {title} was given already; leave one of the two out")
        reports.append(kept)
    return reports


def _kept(report: Mapping[str, Any]) -> dict[str, Any]:
    curves = {
        kind: {
            "heard_in_training": curve["heard_in_training"],
            "points": [{key: point[key] for key in ("snr_db", "uar", "ccc")} for point in curve["points"]],
        }
        for kind, curve in report["curves"].items()
    }
    vad = {
        kind: [{key: point[key] for key in ("snr_db", "miss", "false_alarm")} for point in points]
        for kind, points in report.get("front", NO_FRONT)["vad"].get(report["vad"], {}).items()
    }
    front = {"vad": {report["vad"]: vad} if vad else {}, "meter": {}}
    return {**{key: report[key] for key in KEPT if key in report}, "curves": curves, "front": front}


def least_ratio_of(reports: Sequence[Mapping[str, Any]]) -> tuple[float, str] | None:
    """The ratio in decibels below which a bundle claims nothing, and the heading of the curves that say so.

    Folds, whose speakers did not train, come before the bundle's own curves; of several the highest ratio counts.
    Corpora that may not train what is shipped choose nothing about it, either.

    Returns:
        None where no curve comes down to chance.
    """
    allowed = [report for report in reports if all(_may_choose(name) for name in report["corpus"].split("+"))]
    folds = [report for report in allowed if not report["trained_on_corpus"] and "protocol" in report]
    found = [(ratio, heading(report)) for report in folds or allowed if (ratio := least_ratio(report)) is not None]
    return max(found, default=None)


def _may_choose(corpus: str) -> bool:
    return corpus not in CORPORA or CORPORA[corpus].shippable in ("any use", "non-commercial")


def heading(report: Mapping[str, Any]) -> str:
    """What a report was measured on."""
    if "protocol" in report:
        also = f", {' and '.join(report['also'])} train too" if report["also"] else ""
        return f"{report['corpus']}, folds by {report['protocol']}{also}"
    split = f", split {report['split']}" if "split" in report else ""
    seen = ", whose speakers trained it" if report["trained_on_corpus"] else ""
    return f"{report['corpus']}{split}, {report['variant']}{seen}"


def render_limit(decision: Mapping[str, Any]) -> str:
    """A line of the card about the ratio below which the answer is ``uncertain``."""
    if "min_snr_db" not in decision:
        return ""
    return (
        f"\n- Below a signal-to-noise ratio of {decision['min_snr_db']:g} dB, as the program estimates it, the answer "
        f"is `uncertain` for\n  reason of `noise`: there UAR is less than {MARGIN:g} above chance "
        f"({decision['min_snr_from']}, mean over the kinds of noise)."
    )


def render_noise(reports: Sequence[Mapping[str, Any]]) -> str:
    """The section of the card about noise, nothing where nothing was measured."""
    if not reports:
        return ""
    parts = [
        "\n## In noise\n\n"
        "Noise was added to every utterance, scaled to its speech; see docs/noise.md for what the kinds are and how\n"
        "misses and false alarms of voice activity were counted.\n\n"
        f"![UAR, CCC and missed speech over the signal-to-noise ratio]({PICTURE})\n"
    ]
    for report in reports:
        parts.append(f"\n### {heading(report)}\n")
        for title, header, rows in (*curve_tables(report), *front_tables(report["front"])):
            parts.append(f"\n{title}\n\n{markdown(header, rows)}\n")
    return "".join(parts)
