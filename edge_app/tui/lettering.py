"""Large letters, 3 to 5 pixels wide and 5 high, drawn with block characters."""

from __future__ import annotations

HEIGHT = 5

GLYPHS = {
    " ": ("  ", "  ", "  ", "  ", "  "),
    "A": (" # ", "# #", "###", "# #", "# #"),
    "B": ("## ", "# #", "## ", "# #", "## "),
    "C": ("###", "#  ", "#  ", "#  ", "###"),
    "D": ("## ", "# #", "# #", "# #", "## "),
    "E": ("###", "#  ", "## ", "#  ", "###"),
    "F": ("###", "#  ", "## ", "#  ", "#  "),
    "G": ("####", "#   ", "# ##", "#  #", "####"),
    "H": ("# #", "# #", "###", "# #", "# #"),
    "I": ("#", "#", "#", "#", "#"),
    "J": ("  #", "  #", "  #", "# #", "###"),
    "K": ("# #", "# #", "## ", "# #", "# #"),
    "L": ("#  ", "#  ", "#  ", "#  ", "###"),
    "M": ("#   #", "## ##", "# # #", "#   #", "#   #"),
    "N": ("#  #", "## #", "# ##", "#  #", "#  #"),
    "O": ("###", "# #", "# #", "# #", "###"),
    "P": ("###", "# #", "###", "#  ", "#  "),
    "Q": ("####", "#  #", "#  #", "# ##", "####"),
    "R": ("## ", "# #", "## ", "# #", "# #"),
    "S": ("###", "#  ", "###", "  #", "###"),
    "T": ("###", " # ", " # ", " # ", " # "),
    "U": ("# #", "# #", "# #", "# #", "###"),
    "V": ("# #", "# #", "# #", "# #", " # "),
    "W": ("#   #", "#   #", "# # #", "## ##", "#   #"),
    "X": ("# #", "# #", " # ", "# #", "# #"),
    "Y": ("# #", "# #", "###", " # ", " # "),
    "Z": ("###", "  #", " # ", "#  ", "###"),
}

HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def pixels(text: str) -> list[str] | None:
    """Set a text in ``#`` and spaces, :data:`HEIGHT` rows; None where a character has no glyph."""
    try:
        glyphs = [GLYPHS[character] for character in text.upper()]
    except KeyError:
        return None
    return [" ".join(glyph[row] for glyph in glyphs) for row in range(HEIGHT)]


def lettering(text: str, width: int, height: int) -> list[str] | None:
    """Draw a text as large as it goes into a space.

    Returns:
        Rows of block characters: 5 with pixels of two columns by one row, or 3 with pixels of one column by half a
        row; None where not even those fit.
    """
    rows = pixels(text)
    if rows is None:
        return None
    if len(rows[0]) * 2 <= width and height >= HEIGHT:
        return ["".join("██" if pixel == "#" else "  " for pixel in row) for row in rows]
    if len(rows[0]) <= width and height >= (HEIGHT + 1) // 2:
        rows.append(" " * len(rows[0]))
        return [
            "".join(HALVES[upper == "#", lower == "#"] for upper, lower in zip(rows[row], rows[row + 1], strict=True))
            for row in range(0, HEIGHT, 2)
        ]
    return None
