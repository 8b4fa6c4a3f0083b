"""Bars of all class probabilities."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from edge_app.core.records import SessionInfo
from edge_app.core.types import Estimate
from edge_app.tui.bars import bar, percent
from edge_app.tui.palette import look


class ScoresPanel(Widget):
    """One row per class: symbol, name, bar, percentage; the current label is bold and marked."""

    def __init__(self) -> None:
        super().__init__(id="scores")
        self.border_title = "classes"
        self._labels: tuple[str, ...] = ()
        self._estimate: Estimate | None = None

    def begin(self, info: SessionInfo) -> None:
        """Start afresh with a model's classes."""
        self._labels, self._estimate = info.labels, None
        self.refresh(layout=True)

    def show(self, estimate: Estimate) -> None:
        """Draw an estimate."""
        self._estimate = estimate
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row per class."""
        return len(self._labels)

    def render(self) -> Content:
        """Draw the rows, two apart where there is room."""
        if not self._labels:
            return Content("")
        between = "\n\n" if self.size.height >= 2 * len(self._labels) else "\n"
        widest = max(map(len, self._labels))
        return Content(between).join(self._row(label, widest) for label in self._labels)

    def _row(self, label: str, widest: int) -> Content:
        scores = self._estimate.scores if self._estimate else {}
        current = self._estimate is not None and self._estimate.label == label
        symbol, colour = look(label)
        style = f"{colour} bold" if current else colour
        name = f"{'›' if current else ' '}{symbol} {label:<{widest}} "
        score = percent(scores[label]) if scores else "   – "
        width = max(self.size.width - len(name) - len(score) - 1, 0)
        emphasis = "bold" if current else ""
        return Content.assemble((name, style), bar(scores.get(label, 0.0), width, style), " ", (score, emphasis))
