"""One dimension over the last minute."""

from __future__ import annotations

from itertools import groupby

from textual.content import Content
from textual.widget import Widget

from edge_app.core.records import SessionInfo
from edge_app.tui.bars import signed
from edge_app.tui.braille import Canvas
from edge_app.tui.history import SPAN, History
from edge_app.tui.palette import FAINT, QUIET

AXIS = 3
"""Columns that the value axis takes."""
GAP = 2.5
"""Hops between two points beyond which the line is broken: audio was lost in between."""


class DimensionPlot(Widget):
    """A line from a minute ago to now, on an axis of [-1, 1], broken where nothing is claimed.

    Args:
        dimension: its name, which is the widget's id too.
        colour: of the line.
    """

    def __init__(self, dimension: str, colour: str) -> None:
        super().__init__(id=dimension, classes="plot")
        self._dimension = dimension
        self._colour = colour
        self._mapped = ""
        self._hop = 1.0
        self._history = History(self._hop)
        self.border_title = dimension

    def begin(self, info: SessionInfo) -> None:
        """Start afresh."""
        self._mapped = " (mapped)" if info.mapped else ""
        self._hop = info.hop
        self._history = History(info.hop)
        self.display = self._dimension in info.dimensions
        self.redraw()

    def append(self, time: int, value: float | None) -> None:
        """Add a point at a time in samples; it shows with the next :meth:`redraw`."""
        self._history.append(time, value)

    def redraw(self) -> None:
        """Show all points."""
        self.border_title = f"{self._dimension}{self._mapped} {signed(self._history.newest)}"
        self.refresh()

    def render(self) -> Content:
        """Draw the axes and the line."""
        columns, rows = self.size.width - AXIS, self.size.height - 1
        if columns < 2 or rows < 1:
            return Content("")
        canvas = self._canvas(columns, rows)
        middle = rows // 2
        marks = {middle: " 0 "} | ({0: "+1 ", rows - 1: "−1 "} if rows >= 3 else {})
        lines = []
        for row, cells in enumerate(canvas.rows()):
            ground = "┈" if row == middle else " "
            runs = [
                ("".join(cell or ground for cell in run), self._colour if drawn else FAINT)
                for drawn, run in groupby(cells, key=bool)
            ]
            lines.append(Content.assemble((marks.get(row, "   "), QUIET), *runs))
        lines.append(Content.styled(time_axis(columns), QUIET))
        return Content("\n").join(lines)

    def _canvas(self, columns: int, rows: int) -> Canvas:
        canvas = Canvas(columns, rows)
        previous: tuple[float, int, int] | None = None
        for age, value in self._history.recent():
            if value is None:
                previous = None
                continue
            x = round((1 - age / SPAN) * (canvas.width - 1))
            y = round((1 - min(max(value, -1.0), 1.0)) / 2 * (canvas.height - 1))
            if previous is not None and previous[0] - age <= GAP * self._hop:
                canvas.line(previous[1], previous[2], x, y)
            else:
                canvas.set(x, y)
            previous = age, x, y
        return canvas


def time_axis(columns: int) -> str:
    """Write the time axis, as wide as the plot and its value axis."""
    left, middle, right = "−60 s", "−30 s", "now"
    if columns < len(left) + len(middle) + len(right) + 4:
        middle = ""
    gap = columns - len(left) - len(right)
    before = max(columns // 2 - len(left) - len(middle) // 2, 0) if middle else 0
    return (" " * AXIS + left + " " * before + middle + " " * (gap - before - len(middle)) + right)[: columns + AXIS]
