"""The terminal interface of ``edge-ser listen``.

:func:`run_tui` is its only entry. The interface is itself a sink: it runs the session in a thread, and what the
session tells it arrives as messages.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer

from edge_app.core.records import Notice, SessionEnd
from edge_app.errors import EdgeSerError
from edge_app.tui.live import LiveSession, MakeSession
from edge_app.tui.messages import (
    EstimatesArrived,
    NoticeArrived,
    SessionBegan,
    SessionEnded,
    SessionFailed,
    SinkMessage,
)
from edge_app.tui.now import NowPanel
from edge_app.tui.palette import AROUSAL, THEME, VALENCE
from edge_app.tui.plot import DimensionPlot
from edge_app.tui.scores import ScoresPanel
from edge_app.tui.screens import DeviceChoice, DeviceScreen, HelpScreen
from edge_app.tui.status import DemoBanner, InputLine, NoticeLine, TimingLine, TitleLine
from edge_app.tui.terminal import TerminalDriver, require_terminal, stderr_kept_back

MEASURE_EVERY = 0.2
"""Seconds between two looks at the session's counters."""
WIDTHS = [(0, "-tiny-width"), (44, "-narrow"), (72, "-wide")]
HEIGHTS = [(0, "-tiny-height"), (12, "-low"), (20, "-high"), (36, "-tall")]
"""Class that the stylesheet finds on the screen, from a number of columns or rows on."""


def run_tui(make_session: MakeSession, devices: Callable[[], Sequence[DeviceChoice]]) -> SessionEnd | None:
    """Show a session until the user quits.

    Args:
        make_session: makes a session for a device and sinks to add to its own. The device is None at first, which
            means the source the user asked for, then a key that ``devices`` gave. Called in the session's thread.
        devices: lists what the user can choose from.

    Returns:
        How the session ended; None where it never began.

    Raises:
        ConfigurationError: there is no terminal.
        EdgeSerError: whatever ended the session.
    """
    require_terminal()
    app = ListenApp(make_session, devices, driver_class=TerminalDriver)
    with stderr_kept_back():
        asyncio.run(_run(app))
    if app.failure is not None:
        raise app.failure
    return app.live.end


async def _run(app: ListenApp) -> None:
    """Run the app; a signal that asks the process to end restores the terminal first."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, app.exit)
    await app.run_async(mouse=False)
    # The loop must outlive the session, which posts messages to it.
    await asyncio.to_thread(app.finish)


class ListenApp(App[None]):
    """What the terminal shows.

    Args:
        make_session: as for :func:`run_tui`.
        devices: as for :func:`run_tui`.
        driver_class: draws on the terminal; None takes Textual's own.
    """

    CSS_PATH = "listen.tcss"
    TITLE = "edge-ser"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p,space", "toggle_pause", "Pause", key_display="p"),
        Binding("d", "choose_device", "Device"),
        Binding("question_mark,h", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        make_session: MakeSession,
        devices: Callable[[], Sequence[DeviceChoice]],
        driver_class: type[TerminalDriver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.register_theme(THEME)
        self.theme = THEME.name
        self.animation_level = "none"
        self.failure: Exception | None = None
        self.live = LiveSession(make_session, None, self.post_message)
        self._left: LiveSession | None = None
        self._make_session = make_session
        self._devices = devices
        self._paused = False

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        self._title, self._demo = TitleLine(), DemoBanner()
        self._now, self._scores = NowPanel(), ScoresPanel()
        self._arousal, self._valence = DimensionPlot("arousal", AROUSAL), DimensionPlot("valence", VALENCE)
        self._input, self._timing, self._notice = InputLine(), TimingLine(), NoticeLine()
        yield self._title
        yield self._demo
        with Horizontal(id="panels"):
            yield self._now
            yield self._scores
        with Horizontal(id="plots"):
            yield self._arousal
            yield self._valence
        yield self._input
        yield self._timing
        yield self._notice
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start the session."""
        self.begin_capture_print(self, stdout=False)
        self.live.start()
        self.set_interval(MEASURE_EVERY, self._measure)

    def finish(self) -> None:
        """Stop the session and wait until it has ended."""
        self.live.stop()
        self.live.join()

    def on_session_began(self, message: SessionBegan) -> None:
        """Empty the widgets."""
        if self._is_present(message):
            self._paused, self._left = False, None
            for widget in (
                self._title, self._demo, self._now, self._scores, self._arousal, self._valence, self._input,
                self._notice,
            ):  # fmt: skip
                widget.begin(message.info)

    def on_estimates_arrived(self, message: EstimatesArrived) -> None:
        """Keep all estimates that wait, and draw the newest."""
        if not self._is_present(message):
            return
        estimates = message.sink.take()
        for estimate in estimates:
            self._arousal.append(estimate.end, estimate.arousal)
            self._valence.append(estimate.end, estimate.valence)
        if estimates:
            newest = estimates[-1]
            for widget in (self._title, self._now, self._scores, self._input):
                widget.show(newest)
            self._arousal.redraw()
            self._valence.redraw()

    def on_notice_arrived(self, message: NoticeArrived) -> None:
        """Show a notice."""
        if self._is_present(message):
            self._notice.notice(message.notice)

    def on_print(self, event: events.Print) -> None:
        """Show what Python code writes on standard error, which would be lost."""
        text = event.text.strip().removeprefix("edge-ser: ")
        if text:
            self._notice.notice(Notice("warning", text))

    def on_session_ended(self, message: SessionEnded) -> None:
        """Say how the session ended, and stay."""
        if self._is_present(message):
            self._measure()
            self._title.state("■ ended")
            self._now.state("last")
            self._notice.ended(message.end)

    def on_session_failed(self, message: SessionFailed) -> None:
        """Leave with the error; a device that the user chose here gives way to the one before."""
        if message.live is not self.live:
            return
        if self._left is not None and isinstance(message.error, EdgeSerError):
            before, self._left = self._left, None
            self._notice.notice(Notice("warning", str(message.error)))
            self._listen_to(before.device)
            return
        self.failure = message.error
        self.exit()

    def action_toggle_pause(self) -> None:
        """Pause the session, or let it go on."""
        if self.live.pause(not self._paused):
            self._paused = not self._paused
            self._title.state("‖ paused" if self._paused else "● live")
            self._now.state("paused" if self._paused else "now")

    def action_choose_device(self) -> None:
        """Ask for a device and listen to it."""
        try:
            choices = self._devices()
        except EdgeSerError as error:
            self._notice.notice(Notice("warning", str(error)))
            return
        if not choices:
            self._notice.notice(Notice("warning", "no input device is connected"))
            return
        self.push_screen(DeviceScreen(choices, self.live.device), self._device_chosen)

    def action_help(self) -> None:
        """Show the help."""
        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """Leave. The session ends after the screen is gone."""
        self.exit()

    def _device_chosen(self, key: str | None) -> None:
        if key is not None:
            left = self.live
            self._listen_to(key)
            self._left = left

    def _listen_to(self, device: str | None) -> None:
        """Leave the present session for one on another device."""
        self.live.stop()
        self.live = LiveSession(self._make_session, device, self.post_message, after=self.live)
        self._title.state("◌ starting")
        self.live.start()

    def _is_present(self, message: SinkMessage) -> bool:
        return message.sink is self.live.sink

    def _measure(self) -> None:
        stats = self.live.stats
        if stats is not None:
            self._input.measure(stats)
            self._timing.measure(stats)
