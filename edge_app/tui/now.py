"""The current label, large, with its confidence."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from edge_app.core.records import SessionInfo
from edge_app.core.types import Estimate
from edge_app.tui.bars import bar, percent, signed
from edge_app.tui.lettering import lettering
from edge_app.tui.palette import QUIET, look

GAUGE = 24
"""Widest confidence bar, in columns."""


class NowPanel(Widget):
    """The newest estimate. Whatever the space, it shows the label and its confidence."""

    def __init__(self) -> None:
        super().__init__(id="now")
        self.border_title = "now"
        self._info: SessionInfo | None = None
        self._estimate: Estimate | None = None

    def begin(self, info: SessionInfo) -> None:
        """Start afresh."""
        self._info, self._estimate = info, None
        self.state("now")

    def state(self, state: str) -> None:
        """Say what the estimate is: ``now``, or the last one of a session that is ``paused`` or has ended."""
        self.border_title = state
        self.refresh()

    def show(self, estimate: Estimate) -> None:
        """Draw an estimate."""
        self._estimate = estimate
        self.refresh()

    def render(self) -> Content:
        """Draw as much as fits: large letters, confidence, dominance."""
        headline, style = self._headline()
        width, height = self.size
        letters = lettering(headline, width, height - 3) if height >= 6 else None
        if letters is None:
            return Content("\n").join(self._compact(headline, style)[: max(height, 1)])
        rows = [Content.styled(row, style) for row in letters]
        rows += [Content(""), self._confidence(style, width), self._remark()]
        return Content("\n").join(rows)

    def _headline(self) -> tuple[str, str]:
        """What to write large, and how."""
        estimate = self._estimate
        if estimate is None:
            return "listening" if self._info else "starting", QUIET
        if estimate.state == "no-speech":
            return "no speech", QUIET
        if estimate.label is None:
            return "uncertain", f"{QUIET} bold"
        return estimate.label, f"{look(estimate.label).colour} bold"

    def _compact(self, headline: str, style: str) -> list[Content]:
        estimate = self._estimate
        symbol = f"{look(estimate.label).symbol} " if estimate is not None and estimate.label is not None else ""
        rows = [Content.styled(f"{symbol}{headline}", style)]
        if estimate is not None and estimate.confidence is not None:
            rows.append(Content(percent(estimate.confidence).strip()))
        if self.border_title != "now":
            rows.append(Content.styled(str(self.border_title), QUIET))
        if self._info is not None and self._info.demo:
            rows.append(Content.styled("demo clip", QUIET))
        return rows

    def _confidence(self, style: str, width: int) -> Content:
        estimate = self._estimate
        if estimate is None:
            return Content.styled("waiting for the first second", QUIET)
        if estimate.confidence is None:
            return Content.styled("nobody speaks: nothing is claimed", QUIET)
        if estimate.label is None:
            best = max(estimate.scores, key=estimate.scores.__getitem__)
            noisy = "too noisy; " if estimate.reason == "noise" else ""
            return Content.assemble(
                f"{noisy}perhaps {look(best).symbol} {best}, ", percent(estimate.confidence).strip()
            )
        text = f"{look(estimate.label).symbol} {percent(estimate.confidence).strip()} confidence  "
        return Content.assemble((text, style), bar(estimate.confidence, min(width - len(text), GAUGE), style))

    def _remark(self) -> Content:
        """Dominance, which has no plot."""
        if self._info is None or "dominance" not in self._info.dimensions:
            return Content("")
        value = signed(self._estimate.dominance if self._estimate else None)
        return Content.styled(f"dominance {value}{' (mapped)' if self._info.mapped else ''}", QUIET)
