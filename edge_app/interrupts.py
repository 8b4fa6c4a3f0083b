"""Ctrl-C and a request to terminate end a session cleanly."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C or SIGTERM sets; a second one ends the process as usual.

    Outside the main thread, where Python delivers no signals, nobody sets the event but the caller.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in ENDING}

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        for each in ENDING:
            signal.signal(each, before[each])
        # In a thread: the interrupted code may hold the lock of the very event it waits for.
        threading.Thread(target=stop.set).start()

    for number in ENDING:
        signal.signal(number, ask_to_stop)
    try:
        yield stop
    finally:
        for number in ENDING:
            signal.signal(number, before[number])


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise ``KeyboardInterrupt``, as Ctrl-C does: whoever tidies up after the one does so after both.

    Where SIGTERM is dealt with or ignored already, and outside the main thread, everything stays as it is.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    here = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != here:  # forked from here, and ended by who forked it: there is nobody to tell
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
