"""The sink that hands estimates from the session's thread to the interface."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from textual.message import Message

from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate
from edge_app.tui.history import capacity
from edge_app.tui.messages import EstimatesArrived, NoticeArrived, SessionBegan, SessionEnded


class TuiSink:
    """Posts what a session says to the interface, coalescing estimates.

    Estimates wait in an inbox that holds one minute. One message announces all that wait there, so an interface that
    lags finds them together: it draws the newest and keeps the others for its history, and no queue grows.

    Args:
        post: takes a message from any thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._inbox: deque[Estimate] = deque()

    def open(self, info: SessionInfo) -> None:
        """Tell the interface how the session begins."""
        with self._lock:
            self._inbox = deque(maxlen=capacity(info.hop))
        self._post(SessionBegan(self, info))

    def write(self, estimate: Estimate) -> None:
        """Put an estimate into the inbox, and announce it if none was waiting."""
        with self._lock:
            announced = bool(self._inbox)
            self._inbox.append(estimate)
        if not announced:
            self._post(EstimatesArrived(self))

    def notice(self, notice: Notice) -> None:
        """Pass on a notice."""
        self._post(NoticeArrived(self, notice))

    def close(self, end: SessionEnd) -> None:
        """Tell the interface how the session ended."""
        self._post(SessionEnded(self, end))

    def take(self) -> list[Estimate]:
        """Empty the inbox, oldest first."""
        with self._lock:
            waiting = list(self._inbox)
            self._inbox.clear()
        return waiting
