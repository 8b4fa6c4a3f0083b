"""A canvas of braille dots, two across and four down in each character."""

from __future__ import annotations

DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BLANK = 0x2800


class Canvas:
    """A grid of characters on which dots can be set.

    Args:
        columns: characters across.
        rows: characters down.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.width = columns * 2
        self.height = rows * 4
        self._cells = [bytearray(columns) for _ in range(rows)]

    def set(self, x: int, y: int) -> None:
        """Set the dot at column ``x`` from the left and row ``y`` from the top."""
        self._cells[y // 4][x // 2] |= DOTS[x % 2][y % 4]

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Set the dots between two, both included."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.set(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps))

    def rows(self) -> list[list[str]]:
        """Return the characters, an empty string where no dot is set."""
        return [[chr(BLANK + dots) if dots else "" for dots in row] for row in self._cells]
