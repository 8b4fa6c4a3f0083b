"""Where estimates go, one file each. To add a sink, write ``sinks/x.py`` and register it in ``SINKS``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, TypeAlias

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate

LineWriter: TypeAlias = Callable[[str], None]
"""Takes one line of text without its line end; raises OutputError where it cannot be written."""


class Sink(Protocol):
    """Receives a session: one ``open``, any number of estimates and notices, one ``close``, never two at a time."""

    def open(self, info: SessionInfo) -> None:
        """The session begins."""
        ...

    def write(self, estimate: Estimate) -> None:
        """One more estimate."""
        ...

    def notice(self, notice: Notice) -> None:
        """Something the user should know."""
        ...

    def close(self, end: SessionEnd) -> None:
        """The session is over, whatever ended it."""
        ...


SINKS = {
    "plain": "edge_app.sinks.plain:PlainLines",
    "jsonl": "edge_app.sinks.jsonl:JsonLines",
    "csv": "edge_app.sinks.csv:CsvTable",
}


def make_sink(name: str, write: LineWriter) -> Sink:
    """Build the sink of a name in ``SINKS``, writing its lines to ``write``."""
    module, _, attribute = SINKS[name].partition(":")
    sink: Sink = getattr(importlib.import_module(module), attribute)(write)
    return sink
