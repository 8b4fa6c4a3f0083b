"""The single lines: title, input, timing, notice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate, seconds
from edge_app.counted import counted
from edge_app.tui.bars import bar
from edge_app.tui.palette import FAINT, QUIET

if TYPE_CHECKING:
    from edge_app.session import SessionStats

FLOOR_DBFS = -60.0
LOUD_DBFS = -12.0
CLIPPING_DBFS = -1.0
METER = 40
"""Widest level meter, in columns."""
LEAST_METER = 8
"""Columns that the meter keeps before anything else is said on its line."""
ROOMY = 68
"""Columns from which on all words of the timing line fit."""


def clock(duration: float) -> str:
    """Write seconds as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(int(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


class TitleLine(Widget):
    """Model, variant and source on the left; what the session does, and its time, on the right."""

    def __init__(self) -> None:
        super().__init__(id="title")
        self._info: SessionInfo | None = None
        self._state = "◌ starting"
        self._time = 0.0

    def begin(self, info: SessionInfo) -> None:
        """Start afresh."""
        self._info, self._time = info, 0.0
        self.state("● live")

    def state(self, state: str) -> None:
        """Say what the session does."""
        self._state = state
        self.refresh()

    def show(self, estimate: Estimate) -> None:
        """Draw the time."""
        self._time = seconds(estimate.end)
        self.refresh()

    def render(self) -> Content:
        """Cut the source short where the line is."""
        right = f"{self._state} {clock(self._time)}"
        model = f"{self._info.model} {self._info.variant}" if self._info else "edge-ser"
        room = self.size.width - len(right) - len(model) - 4
        source = self._info.source if self._info else ""
        if len(source) > room:
            source = f"…{source[len(source) - room + 1 :]}" if room > 1 else ""
        gap = max(self.size.width - len(model) - 2 - len(source) - len(right), 1)
        return Content.assemble((model, "bold"), "  ", (source, QUIET), " " * gap, (right, "$primary"))


class InputLine(Widget):
    """Level meter, speech light and signal-to-noise ratio, and how well the wearer is known where that matters."""

    def __init__(self) -> None:
        super().__init__(id="input")
        self._level: float | None = None
        self._speech: float | None = None
        self._spoken = False
        self._wearer: float | None = None
        self._snr: float | None = None

    def begin(self, info: SessionInfo) -> None:
        """Start afresh."""
        self._level = self._speech = self._snr = None
        self._spoken = False
        self._wearer = None if info.baseline is None else 0.0
        self.refresh()

    def measure(self, stats: SessionStats) -> None:
        """Draw the level."""
        if stats.level_dbfs != self._level:
            self._level = stats.level_dbfs
            self.refresh()

    def show(self, estimate: Estimate) -> None:
        """Draw the speech light."""
        self._speech, self._spoken = estimate.speech, estimate.state != "no-speech"
        self._snr = estimate.snr
        if self._wearer is not None:
            self._wearer = estimate.wearer
        self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        level = self._level if self._level is not None else -math.inf
        style = "$error" if level >= CLIPPING_DBFS else "$warning" if level >= LOUD_DBFS else "$success"
        light = ("● speech ", "$success bold") if self._spoken else ("○ silence", QUIET)
        share = f" {self._speech * 100:3.0f} %" if self._speech is not None else "      "
        value = f" {level:4.0f} dBFS   ".replace("-", "−") if self._level is not None else "    – dBFS   "
        room = self.size.width - len("level  ") - len(value) - len(light[0]) - len(share)
        ratio = f"   SNR {self._snr:3.0f} dB".replace("-", "−") if self._snr is not None else ""
        known = f"   wearer {self._wearer * 100:3.0f} %" if self._wearer is not None else ""
        if room < len(ratio) + len(known) + LEAST_METER:
            ratio = ""
        if room < len(known) + LEAST_METER:
            known = ""
        words = ratio + known
        meter = bar(1 - level / FLOOR_DBFS, max(min(room - len(words), METER), 0), style)
        return Content.assemble(("level  ", QUIET), meter, value, light, (share, QUIET), (words, QUIET))


class TimingLine(Widget):
    """How long an update takes, how far behind the session is, what it lost."""

    def __init__(self) -> None:
        super().__init__(id="timing")
        self._stats: SessionStats | None = None

    def measure(self, stats: SessionStats) -> None:
        """Draw the counters."""
        if stats != self._stats:
            self._stats = stats
            self.refresh()

    def render(self) -> Content:
        """Draw the line."""
        stats = self._stats
        p50, p95 = (stats.compute_ms_p50, stats.compute_ms_p95) if stats else (None, None)
        dropped = stats.dropped_blocks if stats else 0
        lag = stats.lag_seconds if stats else 0.0
        unit = " blocks" if self.size.width >= ROOMY else ""
        return Content.assemble(
            ("update ", QUIET), f"{milliseconds(p50)} p50  {milliseconds(p95)} p95", (" │ ", FAINT),
            ("lag ", QUIET), f"{lag:.1f} s", (" │ ", FAINT),
            ("dropped ", QUIET), (f"{dropped}{unit}", "$warning bold" if dropped else ""),
        )  # fmt: skip


def milliseconds(value: float | None) -> str:
    """Write a time, a dash for None."""
    return f"{value:.1f} ms" if value is not None else "– ms"


class DemoBanner(Widget):
    """Says that this is the demo clip, not the user."""

    def __init__(self) -> None:
        super().__init__(id="demo")

    def begin(self, info: SessionInfo) -> None:
        """Show the banner for a demo."""
        self.set_class(info.demo, "-shown")

    def render(self) -> Content:
        """Draw the line."""
        return Content.assemble(("DEMO", "bold"), "  no microphone here: this is the built-in clip, not you")


class NoticeLine(Widget):
    """The newest notice, and how the session ended."""

    def __init__(self) -> None:
        super().__init__(id="notice")
        self._content = Content("")

    def begin(self, info: SessionInfo) -> None:
        """Keep the notice: it may tell why there is another session."""

    def notice(self, notice: Notice) -> None:
        """Draw a notice."""
        sign, style = ("! ", "$warning bold") if notice.kind == "warning" else ("i ", QUIET)
        self._content = Content.assemble((sign, style), (notice.text, style))
        self.refresh(layout=True)

    def ended(self, end: SessionEnd) -> None:
        """Draw the summary."""
        rtf = f", RTF {end.rtf:.3f}" if end.rtf is not None else ""
        text = f"ended: {end.duration:.1f} s, {counted(end.estimates, 'estimate')}, {end.dropped_blocks} dropped{rtf}"
        self._content = Content.assemble((text, "bold"), ("  q to quit", "$warning"))
        self.refresh(layout=True)

    def render(self) -> Content:
        """Draw the line."""
        return self._content
