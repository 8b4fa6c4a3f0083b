"""What a session can listen to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from edge_app.core.records import EndReason, Notice
from edge_app.core.types import AudioBlock

Deliver: TypeAlias = Callable[[AudioBlock], None]
Notify: TypeAlias = Callable[[Notice], None]


def ignore(notice: Notice) -> None:
    """Take a notice and do nothing with it."""


class AudioSource(Protocol):
    """Audio on its way in.

    Attributes:
        description: what people and files are shown as the source, e.g. a path or the name of a device.
        realtime: audio arrives at the pace of the clock and cannot be held back.
    """

    description: str
    realtime: bool

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        """Deliver 16 kHz mono blocks, from the calling thread, until the source ends or ``stop`` is set.

        Args:
            deliver: takes each block; an exception it raises ends the run.
            stop: set by anyone to end the run.
            notify: takes what the user should know meanwhile.

        Returns:
            ``eof`` when the source ended by itself, ``interrupted`` when it was stopped.

        Raises:
            AudioFormatError: the audio is not what it claims to be; what was good has been delivered.
            AudioDeviceError: the device cannot be opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that can record.

    Attributes:
        number: its number, valid until devices come or go.
        name: its name.
        channels: how many it records at most.
        rate: its default sampling rate in hertz.
        default: the system's choice.
    """

    number: int
    name: str
    channels: int
    rate: int
    default: bool
