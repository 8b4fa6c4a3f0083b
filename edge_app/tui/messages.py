"""What a session's thread tells the interface, one message per call of a sink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from edge_app.core.records import Notice, SessionEnd, SessionInfo

if TYPE_CHECKING:
    from edge_app.tui.live import LiveSession
    from edge_app.tui.sink import TuiSink


@dataclass
class SinkMessage(Message):
    """Base of what a sink posts. ``sink`` tells the present session's messages from those of one already left."""

    sink: TuiSink


@dataclass
class SessionBegan(SinkMessage):
    """A session opened its source."""

    info: SessionInfo


@dataclass
class EstimatesArrived(SinkMessage):
    """Estimates lie in the sink's inbox. There is at most one such message under way for a sink."""


@dataclass
class NoticeArrived(SinkMessage):
    """The session has something to say."""

    notice: Notice


@dataclass
class SessionEnded(SinkMessage):
    """The source ended, or the session was stopped."""

    end: SessionEnd


@dataclass
class SessionFailed(Message):
    """A session ended by an exception."""

    live: LiveSession
    error: Exception
