"""A colour and a symbol for every class, so that neither has to speak alone."""

from __future__ import annotations

from typing import NamedTuple

from textual.theme import Theme


class Look(NamedTuple):
    """How a class is drawn."""

    symbol: str
    colour: str


LOOKS = {
    "neutral": Look("●", "#a9b4c0"),
    "calm": Look("◆", "#7cc7a8"),
    "happiness": Look("▲", "#f0c35a"),
    "sadness": Look("▼", "#6f9fe8"),
    "anger": Look("■", "#ef6a55"),
    "fear": Look("◇", "#b48be0"),
    "disgust": Look("□", "#9bb35f"),
    "surprise": Look("★", "#f29bc0"),
    "boredom": Look("○", "#b39b84"),
}
OTHER = Look("•", "#8fb8c8")
QUIET = "#8a97a4"
FAINT = "#3d4c5a"
AROUSAL = "#f2a25c"
VALENCE = "#62b8d6"

THEME = Theme(
    name="edge-ser",
    primary="#5fa8c4",
    secondary="#7cc7a8",
    accent="#7cc7a8",
    warning="#f0c35a",
    error="#ef6a55",
    success="#7cc7a8",
    foreground="#d5dce4",
    background="#12171d",
    surface="#12171d",
    panel="#1c242d",
    dark=True,
    variables={"quiet": QUIET, "faint": FAINT, "footer-key-foreground": "#f0c35a", "footer-background": "#1c242d"},
)


def look(label: str) -> Look:
    """Return a class's symbol and colour; classes outside the vocabulary share one."""
    return LOOKS.get(label, OTHER)
