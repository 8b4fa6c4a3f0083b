"""JSON lines, schema 1: one object per line; fields may be added to it, none removed."""

from __future__ import annotations

import json
from typing import Any

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate, seconds
from edge_app.sinks import LineWriter

SCHEMA = 1


class JsonLines:
    """A ``session`` record, an ``estimate`` record per window, ``notice`` records, and an ``end`` record.

    Args:
        write: takes each line.
    """

    def __init__(self, write: LineWriter) -> None:
        self._write_line = write
        self._wearer = False

    def open(self, info: SessionInfo) -> None:
        """Write the ``session`` record."""
        self._wearer = info.baseline is not None
        self._record(session_record(info))

    def write(self, estimate: Estimate) -> None:
        """Write an ``estimate`` record."""
        record = estimate_record(estimate)
        if self._wearer:
            record["wearer"] = round(estimate.wearer, 4)
        self._record(record)

    def notice(self, notice: Notice) -> None:
        """Write a ``notice`` record."""
        self._record({"type": "notice", "kind": notice.kind, "text": notice.text})

    def close(self, end: SessionEnd) -> None:
        """Write the ``end`` record."""
        self._record(end_record(end))

    def _record(self, record: dict[str, Any]) -> None:
        # Plain ASCII, because the name of a file need not be valid in any encoding.
        self._write_line(json.dumps(record, separators=(",", ":")))


def session_record(info: SessionInfo) -> dict[str, Any]:
    """How a session begins. What is not so has no field, such as ``baseline``, ``memory`` or ``demo``."""
    record: dict[str, Any] = {
        "type": "session",
        "schema": SCHEMA,
        "model": info.model,
        "variant": info.variant,
        "labels": list(info.labels),
        "dimensions": list(info.dimensions),
        "window": info.window,
        "hop": info.hop,
        "source": info.source,
    }
    if info.dimensions and info.mapped:
        record["dimensions_reference"] = "mapped"
    if info.baseline is not None:
        record["baseline"] = info.baseline
    if info.memory is not None:
        record["memory"] = info.memory
    if info.demo:
        record["demo"] = True
    return record


def estimate_record(estimate: Estimate) -> dict[str, Any]:
    """One estimate; times in seconds to a tenth of a millisecond, probabilities and dimensions to four decimals."""
    return {
        "type": "estimate",
        "start": round(seconds(estimate.start), 4),
        "end": round(seconds(estimate.end), 4),
        "state": estimate.state,
        "reason": estimate.reason,
        "label": estimate.label,
        "confidence": _rounded(estimate.confidence, 4),
        "scores": {label: round(score, 4) for label, score in estimate.scores.items()},
        "arousal": _rounded(estimate.arousal, 4),
        "valence": _rounded(estimate.valence, 4),
        "dominance": _rounded(estimate.dominance, 4),
        "speech": round(estimate.speech, 4),
        "snr_db": _rounded(estimate.snr, 1),
        "compute_ms": round(1000 * estimate.compute_seconds, 3),
    }


def end_record(end: SessionEnd) -> dict[str, Any]:
    """How a session ended."""
    return {
        "type": "end",
        "reason": end.reason,
        "duration": round(end.duration, 4),
        "estimates": end.estimates,
        "dropped_blocks": end.dropped_blocks,
        "compute_ms_p50": _rounded(end.compute_ms_p50, 3),
        "compute_ms_p95": _rounded(end.compute_ms_p95, 3),
        "rtf": _rounded(end.rtf, 5),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
