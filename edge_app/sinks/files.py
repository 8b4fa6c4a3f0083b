"""Where results go: standard output, or a file that only appears under its name when it is whole."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_app.errors import ConfigurationError, EdgeSerError, OutputError

if sys.platform != "win32":
    import fcntl


def write_stdout(line: str) -> None:
    """Write a line to standard output at once.

    Raises:
        BrokenPipeError: its reader has gone.
        OutputError: it cannot be written.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed; give --output FILE")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # The name of a file need not be valid in the terminal's encoding.
        sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
    except OSError as error:
        _drop_stdout()
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"standard output: {_reason(error)}; make room or write elsewhere") from None


def write_stderr(line: str) -> None:
    """Write a line to standard error, if anybody listens there."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


class OutputFile:
    """A file of results, a context manager. Until it is complete it is called ``NAME.part``.

    It is complete when the context ends, even by an error that the user can mend: then the records in it say how the
    session ended. If something could not be written, or nothing ever was, nothing is left behind and a file that was
    there before stays as it was. After any other error the part remains.

    Args:
        path: the file; one that exists is replaced. What is no regular file (a pipe, a device) is written directly.
        table: its content says nothing of how a session ended, so after any error the part remains.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path | str, table: bool = False) -> None:
        self.path = Path(path)
        self._mendable: tuple[type[BaseException], ...] = () if table else (EdgeSerError, BrokenPipeError)
        self._direct = self.path.exists() and not self.path.is_file()
        self._part = self.path if self._direct else self.path.with_name(self.path.name + ".part")
        self._failed = False
        self._written = False

    def __enter__(self) -> Self:
        """Create the part.

        Raises:
            OutputError: the folder is missing or cannot be written.
        """
        try:
            if self.path.is_dir():
                raise IsADirectoryError(None, "Is a directory")
            self._file = self._part.open("wb" if self._direct else "ab")
            if not self._direct:
                self._claim()
        except OSError as error:
            raise OutputError(f"{self.path}: {_reason(error)}; choose another place for --output") from None
        return self

    def _claim(self) -> None:
        """Make the part empty and this process's own.

        Raises:
            OutputError: another process is writing it.
        """
        if sys.platform != "win32":
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise OutputError(f"{self.path}: another edge-ser is writing it now; choose another --output") from None
            except OSError:  # some network file systems have no locks
                pass
        self._file.truncate(0)

    def write_line(self, line: str) -> None:
        """Write a line, through to the system.

        Raises:
            OutputError: it cannot be written; the part is removed, and later lines raise the same.
        """
        self.write_bytes((line + "\n").encode("utf-8", "backslashreplace"))

    def write_bytes(self, content: bytes) -> None:
        """Write bytes, through to the system.

        Raises:
            OutputError: as :meth:`write_line`.
        """
        if self._failed:
            raise OutputError(f"{self.path}: something before this could not be written")
        try:
            self._file.write(content)
            self._file.flush()
            self._written = True
        except OSError as error:
            raise self._discarded(error) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name."""
        if self._failed:
            return
        try:
            self._file.close()
            if self._direct:
                return
            if not self._written:
                self._part.unlink()
            elif kind is None or issubclass(kind, self._mendable):
                self._part.replace(self.path)
        except OSError as fault:
            raise self._discarded(fault) from None

    def _discarded(self, error: OSError) -> OutputError:
        self._failed = True
        with contextlib.suppress(OSError):
            self._file.close()
        if not self._direct:
            with contextlib.suppress(OSError):
                self._part.unlink()
        return OutputError(f"{self.path}: {_reason(error)}; nothing was kept, make room or write elsewhere")


def refuse_overwriting(output: Path | str, inputs: Iterable[Path | str]) -> None:
    """Make sure that results do not replace a recording they are made from.

    Raises:
        ConfigurationError: the output is one of the inputs.
    """
    target = Path(output)
    if target.exists() and any(Path(path).exists() and target.samefile(path) for path in inputs):
        raise ConfigurationError(f"--output {output}: that is a recording to be read; write the results elsewhere")


def _drop_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains about it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
