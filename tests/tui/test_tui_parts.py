"""The parts that draw, without a screen."""

from __future__ import annotations

import string

import pytest

from edge_app.core.labels import LABELS
from edge_app.core.types import samples
from edge_app.tui.bars import bar, percent, signed
from edge_app.tui.braille import Canvas
from edge_app.tui.history import SPAN, History, capacity
from edge_app.tui.lettering import GLYPHS, HEIGHT, lettering
from edge_app.tui.palette import LOOKS, look
from edge_app.tui.plot import time_axis
from edge_app.tui.status import clock


def test_glyphs_are_rectangles():
    assert set(GLYPHS) == {*string.ascii_uppercase, " "}
    for character, rows in GLYPHS.items():
        assert len(rows) == HEIGHT, character
        assert len({len(row) for row in rows}) == 1, character


def test_letters_differ():
    assert len(set(GLYPHS.values())) == len(GLYPHS)


@pytest.mark.parametrize("text", [*LABELS, "no speech", "uncertain", "listening", "starting"])
def test_every_headline_fits_half_of_80_columns(text):
    rows = lettering(text, 36, 3)
    assert rows is not None
    assert len(rows) == 3


def test_letters_grow_with_the_room():
    assert len(lettering("anger", 100, 10)) == 5
    assert len(lettering("anger", 100, 4)) == 3
    assert lettering("anger", 10, 10) is None
    assert lettering("zürich", 100, 10) is None


def test_every_class_has_its_own_symbol_and_colour():
    assert set(LOOKS) == set(LABELS)
    assert len({each.symbol for each in LOOKS.values()}) == len(LABELS)
    assert len({each.colour for each in LOOKS.values()}) == len(LABELS)
    assert look("contempt").symbol


@pytest.mark.parametrize(
    ("fraction", "drawn"),
    [(0, "────"), (0.5, "━━──"), (0.6, "━━╸─"), (1, "━━━━"), (-1, "────"), (2, "━━━━"), (float("-inf"), "────")],
)
def test_bar(fraction, drawn):
    assert bar(fraction, 4, "red").plain == drawn


def test_bar_without_room():
    assert bar(0.5, 0, "red").plain == ""


def test_numbers():
    assert signed(-0.216) == "−0.22"
    assert signed(0.7) == "+0.70"
    assert signed(None) == "–"
    assert percent(0.062) == "  6 %"
    assert clock(75.9) == "01:15"
    assert clock(3675) == "1:01:15"


def test_canvas_sets_the_dots_of_a_line():
    canvas = Canvas(2, 1)
    canvas.line(0, 3, 3, 0)
    assert canvas.rows() == [["⡠", "⠊"]]
    assert Canvas(2, 1).rows() == [["", ""]]


def test_time_axis_ends_at_now():
    for columns in range(10, 120):
        axis = time_axis(columns)
        assert len(axis) == columns + 3
        assert axis.endswith("now")


def test_history_keeps_one_minute():
    history = History(0.25)
    assert history.newest is None
    assert list(history.recent()) == []
    for count in range(1000):
        history.append(samples(count / 4), count / 1000)
    kept = list(history.recent())
    assert len(kept) == capacity(0.25)
    assert kept[0] == (SPAN, 0.759)
    assert kept[-1] == (0, 0.999)
    assert history.newest == 0.999


def test_history_forgets_what_is_older_than_a_minute_after_a_gap():
    history = History(0.25)
    history.append(0, 0.1)
    history.append(samples(100), 0.2)
    assert list(history.recent()) == [(0, 0.2)]
