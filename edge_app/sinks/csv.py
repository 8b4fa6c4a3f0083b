"""A table: one row per estimate, with the name of its file first."""

from __future__ import annotations

import csv
import io

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate
from edge_app.sinks import LineWriter
from edge_app.sinks.jsonl import estimate_record

BEFORE_SCORES = ("start", "end", "state", "label", "confidence")
AFTER_SCORES = ("arousal", "valence", "dominance", "speech", "compute_ms", "snr_db", "reason")


class CsvTable:
    """Rows of estimates under one header, over any number of sessions of one model. Notices have no place in it.

    Args:
        write: takes each line.
    """

    def __init__(self, write: LineWriter) -> None:
        self._write_line = write
        self._labels: tuple[str, ...] | None = None
        self._file = ""

    def open(self, info: SessionInfo) -> None:
        """Write the header, the first time."""
        self._file = info.source
        if self._labels is None:
            self._labels = info.labels
            self._row(["file", *BEFORE_SCORES, *info.labels, *AFTER_SCORES])

    def write(self, estimate: Estimate) -> None:
        """Write a row; a cell is empty where there is no value."""
        record = estimate_record(estimate)
        scores = [record["scores"].get(label) for label in self._labels or ()]
        self._row([self._file, *map(record.get, BEFORE_SCORES), *scores, *map(record.get, AFTER_SCORES)])

    def notice(self, notice: Notice) -> None:
        """Do nothing."""

    def close(self, end: SessionEnd) -> None:
        """Do nothing: the table may go on with another session."""

    def _row(self, cells: list[object]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        self._write_line(line.getvalue())
