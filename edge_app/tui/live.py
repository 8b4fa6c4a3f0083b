"""A session in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from edge_app.core.records import SessionEnd
from edge_app.tui.messages import SessionFailed
from edge_app.tui.sink import TuiSink

if TYPE_CHECKING:
    from edge_app.session import Session, SessionStats
    from edge_app.sinks import Sink

MakeSession = Callable[[str | None, "Sequence[Sink]"], "Session"]
"""Makes a session for a device (None: the source the user asked for) and sinks. Called in the session's thread."""

PATIENCE = 5.0
"""Seconds that a stopped session has to end."""


class LiveSession:
    """Makes a session and runs it in a thread until it ends or is stopped.

    Args:
        make: makes the session.
        device: the device to listen to, None for the source the user asked for.
        post: takes messages for the interface from any thread.
        after: a session already stopped, which may still hold the device; this one begins when it has ended.
    """

    def __init__(
        self,
        make: MakeSession,
        device: str | None,
        post: Callable[[Message], object],
        after: LiveSession | None = None,
    ) -> None:
        self.device = device
        self.sink = TuiSink(post)
        self.end: SessionEnd | None = None
        self._make = make
        self._post = post
        self._after = after
        self._session: Session | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the session to end; it says when it has, through its sink."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the thread to end, at most for :data:`PATIENCE`."""
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)

    @property
    def stats(self) -> SessionStats | None:
        """The session's counters, None before it exists."""
        return self._session.snapshot() if self._session is not None else None

    def pause(self, paused: bool) -> bool:
        """Pause or resume, and return whether there is a session that can."""
        if self._session is None or self.end is not None:
            return False
        if paused:
            self._session.pause()
        else:
            self._session.resume()
        return True

    def _run(self) -> None:
        # The thread is the last to hold an exception: the interface takes it, and run_tui raises it again.
        try:
            if self._after is not None:
                self._after.join()
                self._after = None
            self._session = self._make(self.device, [self.sink])
            self.end = self._session.run(self._stop)
        except Exception as error:
            self._post(SessionFailed(self, error))
