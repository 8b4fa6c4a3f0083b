"""The screen, compared with pictures that people have looked at. ``pytest --snapshot-update`` draws them anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staged import DEVICES, DIMENSIONS, END, INFO, Stage, estimate, minute

from edge_app.core.labels import LABELS
from edge_app.core.records import Notice
from edge_app.tui.app import ListenApp

SMALL, LARGE, TINY = (80, 24), (200, 50), (20, 5)


@pytest.fixture
def looks(snap_compare):
    """Compares the screen after keys were pressed, once everything a stage says has been drawn."""

    def compare(stage, *keys, size=SMALL):
        app = ListenApp(stage.make, lambda: DEVICES)

        async def settle(pilot):
            await stage.settled(pilot)
            await pilot.press(*keys)
            await pilot.pause()

        same = snap_compare(app, terminal_size=size, run_before=settle)
        app.finish()
        return same

    return compare


@pytest.mark.parametrize(
    "size", [SMALL, LARGE, TINY, (60, 30), (60, 40), (60, 14), (100, 16)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_speech(looks, size):
    assert looks(Stage(*minute(estimate(76, "happiness"))), size=size)


@pytest.mark.parametrize("key", ["p", "question_mark", "d"])
@pytest.mark.parametrize("size", [SMALL, LARGE, TINY], ids=lambda size: f"{size[0]}x{size[1]}")
def test_keys(looks, key, size):
    assert looks(Stage(*minute(estimate(76))), key, size=size)


@pytest.mark.parametrize("keys", [(), ("p",), ("question_mark",), ("d",)], ids="".join)
def test_without_colour(looks, keys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks(Stage(*minute(estimate(76))), *keys)


def test_no_speech(looks):
    assert looks(Stage(*minute(estimate(76, None))))


def test_uncertain(looks):
    assert looks(Stage(*minute(estimate(76, "?", 0.31))))


def test_too_noisy(looks):
    assert looks(Stage(*minute(replace(estimate(76, "?", 0.31), snr=-3.2, reason="noise"))))


def test_before_the_first_estimate(looks):
    assert looks(Stage())


def test_demo_and_notice(looks):
    lost = Notice("warning", "the microphone is gone: trying it again every second, plug it in to go on")
    assert looks(Stage(estimate(3), lost, info=replace(INFO, source="demo clip", demo=True)))


def test_demo_on_a_tiny_screen(looks):
    assert looks(Stage(estimate(3), info=replace(INFO, demo=True)), size=TINY)


def test_ended(looks):
    assert looks(Stage(*minute(estimate(76)), end=END))


def test_a_wearer_who_is_getting_known(looks):
    assert looks(Stage(replace(estimate(2), wearer=0.42), info=replace(INFO, baseline="adaptive")))


def test_nine_classes_and_rated_dimensions(looks):
    info = replace(INFO, labels=LABELS, mapped=False, source="/home/someone/recordings/" + "long/" * 12 + "talk.wav")
    assert looks(Stage(*(estimate(2 + hop / 4, "boredom", labels=LABELS) for hop in range(40)), info=info))


def test_a_model_without_dimensions(looks):
    silent = replace(estimate(2), arousal=None, valence=None, dominance=None)
    assert looks(Stage(silent, info=replace(INFO, dimensions=())))


def test_a_model_with_one_dimension(looks):
    assert looks(Stage(replace(estimate(2), valence=None), info=replace(INFO, dimensions=DIMENSIONS[:1])))
