"""How the interface behaves between the session and the keys."""

from __future__ import annotations

import sys
import threading

import pytest
from staged import DEVICES, END, INFO, Stage, estimate, minute

from edge_app.core.records import Notice
from edge_app.errors import AudioDeviceError, ConfigurationError
from edge_app.tui import app as tui
from edge_app.tui.app import ListenApp
from edge_app.tui.history import SPAN, capacity
from edge_app.tui.messages import EstimatesArrived
from edge_app.tui.sink import TuiSink


def screen_text(app) -> str:
    """All characters on screen, line by line."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in lines)[: (width + 1) * height]


async def until(pilot, condition):
    """Wait for a condition, for at most ten seconds."""
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("the condition did not come true")


@pytest.fixture
def stage():
    return Stage(*minute(estimate(76)))


async def test_shows_the_estimate_and_the_figures(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test(size=(80, 24)) as pilot:
        await stage.settled(pilot)
        text = screen_text(app)
        app.finish()
    for expected in (
        "62 %", "anger", "neutral", "arousal (mapped)", "valence (mapped)", "−23 dBFS", "● speech", "1.8 ms p50",
        "2.3 ms p95", "dropped 0 blocks", "chunk-cnn int8", "Built-in Microphone", "q Quit",
    ):  # fmt: skip
        assert expected in text


async def test_pause_and_go_on(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("p")
        assert "paused" in screen_text(app)
        await pilot.press("space")
        assert "● live" in screen_text(app)
        app.finish()
    assert stage.sessions[0].calls == ["pause", "resume"]


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting_stops_the_session(stage, key):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running)
        app.finish()
    assert stage.sessions[0].stopped.is_set()
    assert app.live.end.reason == "interrupted"
    assert app.return_code == 0


async def test_ctrl_c_leaves_from_the_help_too(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("h", "ctrl+c")
        await until(pilot, lambda: not app.is_running)
        app.finish()


async def test_help_opens_and_closes(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("question_mark")
        assert "not a diagnosis" in screen_text(app)
        await pilot.press("escape")
        assert "not a diagnosis" not in screen_text(app)
        app.finish()


async def test_stays_when_the_source_ends():
    stage = Stage(estimate(2), end=END)
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "ended: 63.5 s, 251 estimates, 0 dropped, RTF 0.008" in screen_text(app))
        assert "q to quit" in screen_text(app)
        await pilot.press("p")
        assert "paused" not in screen_text(app)
        app.finish()
    assert app.live.end == END
    assert stage.sessions[0].calls == []


async def test_another_device_gets_another_session(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("d", "down", "enter")
        await until(pilot, lambda: len(stage.sessions) == 2)
        await stage.settled(pilot)
        assert stage.sessions[0].stopped.is_set()
        assert app.is_running
        app.finish()
    assert stage.devices == [None, "3"]


async def test_a_device_that_cannot_be_opened_gives_way_to_the_one_before(stage):
    stage.refused["3"] = AudioDeviceError("device 3 cannot be opened")
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("d", "down", "enter")
        await until(pilot, lambda: len(stage.sessions) == 2)
        await stage.settled(pilot)
        assert "! device 3 cannot be opened" in screen_text(app)
        assert "● live" in screen_text(app)
        app.finish()
    assert stage.devices == [None, "3", None]
    assert app.failure is None


async def test_what_is_written_on_standard_error_is_a_notice():
    def warn(device, sinks):
        print("edge-ser: no microphone is connected", file=sys.stderr)
        return stage.make(device, sinks)

    stage = Stage(estimate(2))
    app = ListenApp(warn, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        assert "! no microphone is connected" in screen_text(app)
        app.finish()


async def test_no_devices_is_said(stage):
    app = ListenApp(stage.make, list)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert "no input device is connected" in screen_text(app)
        app.finish()


async def test_devices_that_cannot_be_listed_are_said(stage):
    def broken():
        raise AudioDeviceError("PortAudio is not installed")

    app = ListenApp(stage.make, broken)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert "! PortAudio is not installed" in screen_text(app)
        app.finish()


@pytest.mark.parametrize("error", [AudioDeviceError("it vanished"), ZeroDivisionError("a bug")])
async def test_an_error_in_the_session_ends_the_interface(error):
    stage = Stage(estimate(2), error=error)
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await until(pilot, lambda: not app.is_running)
        app.finish()
    assert app.failure is error


@pytest.mark.parametrize("error", [AudioDeviceError("it vanished"), ZeroDivisionError("a bug")])
def test_run_tui_raises_what_ended_the_session(error, monkeypatch):
    run_without_a_terminal(monkeypatch)
    with pytest.raises(type(error), match=str(error)):
        tui.run_tui(Stage(error=error).make, lambda: DEVICES)


def test_run_tui_returns_how_the_session_ended(monkeypatch):
    stage = Stage(estimate(2))
    run_without_a_terminal(monkeypatch, press="q", when=stage.said)
    end = tui.run_tui(stage.make, lambda: DEVICES)
    assert end.reason == "interrupted"


def test_run_tui_needs_a_terminal(monkeypatch, tmp_path):
    monkeypatch.setattr("edge_app.tui.terminal.TERMINAL", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="--ui plain"):
        tui.run_tui(Stage().make, lambda: DEVICES)


def run_without_a_terminal(monkeypatch, press=None, when=None):
    """Let run_tui draw nowhere, and press a key when an event is set."""
    headless = ListenApp.run_async

    async def pilot_presses(pilot):
        await until(pilot, when.is_set)
        await pilot.press(press)

    async def run_async(app, **_):
        return await headless(app, headless=True, auto_pilot=pilot_presses if press else None)

    monkeypatch.setattr(tui, "require_terminal", lambda: None)
    monkeypatch.setattr(ListenApp, "run_async", run_async)


async def test_a_lagging_interface_draws_the_newest_and_keeps_all():
    stage = Stage()
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        drawn = []
        app._now.show = drawn.append
        sink, told = app.live.sink, []
        sink._post = told.append
        sent = [estimate(2 + count / 4) for count in range(100)]
        writer = threading.Thread(target=lambda: [sink.write(each) for each in sent])
        writer.start()
        writer.join()
        app.post_message(told[0])
        await until(pilot, lambda: drawn)
        assert len(told) == 1
        app.finish()
    assert drawn == [sent[-1]]
    assert [round(age, 2) for age, _ in app._arousal._history.recent()] == [(99 - count) / 4 for count in range(100)]


def test_the_inbox_and_the_history_never_outgrow_a_minute():
    told = []
    sink = TuiSink(told.append)
    sink.open(INFO)
    for count in range(10_000):
        sink.write(estimate(1 + count / 4))
    assert sum(isinstance(message, EstimatesArrived) for message in told) == 1
    assert len(sink.take()) == capacity(INFO.hop) == SPAN / INFO.hop + 1


async def test_messages_of_a_session_already_left_are_not_shown(stage):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test() as pilot:
        await stage.settled(pilot)
        other = TuiSink(app.post_message)
        other.open(INFO)
        other.notice(Notice("warning", "from long ago"))
        other.close(END)
        await pilot.pause()
        text = screen_text(app)
        app.finish()
    assert "from long ago" not in text
    assert "ended" not in text


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (20, 5), (44, 12), (71, 19), (72, 20), (300, 3), (5, 80)])
async def test_no_size_breaks_it(stage, size):
    app = ListenApp(stage.make, lambda: DEVICES)
    async with app.run_test(size=(80, 24)) as pilot:
        await stage.settled(pilot)
        await pilot.resize_terminal(*size)
        for keys in (["h"], ["escape"], ["d"], ["escape"]):
            await pilot.press(*keys)
            await pilot.pause()
        assert app.is_running
        app.finish()
