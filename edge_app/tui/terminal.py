"""The terminal itself, whatever the standard streams are connected to."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver

from edge_app.errors import ConfigurationError

if TYPE_CHECKING:
    from textual.app import App

TERMINAL = "/dev/tty"
KEPT_BYTES = 32_768


class TerminalDriver(LinuxDriver):
    """Reads keys from and draws on the controlling terminal.

    Standard input may be a pipe that carries audio, and standard error a file.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.fileno = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        self._screen = os.fdopen(os.dup(self.fileno), "w", encoding="utf-8")
        self._file = self._screen
        self.input_tty = True

    def _get_terminal_size(self) -> tuple[int, int]:
        size = os.get_terminal_size(self.fileno)
        return size.columns or 80, size.lines or 24

    def close(self) -> None:
        """Give the terminal back."""
        super().close()
        self._screen.close()
        os.close(self.fileno)


def require_terminal() -> None:
    """Check that there is a terminal to draw on.

    Raises:
        ConfigurationError: the process has none.
    """
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise ConfigurationError("the terminal interface needs a terminal: use --ui plain or --ui jsonl") from None


@contextmanager
def stderr_kept_back() -> Iterator[None]:
    """Keep what is written on standard error from the screen, and write its end there afterwards.

    Audio libraries written in C report a lost device on file descriptor 2, right across whatever is drawn.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        screen = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            kept.seek(max(0, kept.seek(0, os.SEEK_END) - KEPT_BYTES))
            os.write(2, kept.read())
