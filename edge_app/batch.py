"""Many files one after the other, through one pipeline that starts afresh for each."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_app.app import open_pipeline, session_info
from edge_app.audio.file import SUFFIXES, FileSource
from edge_app.bundle import load_bundle
from edge_app.core.records import Notice, SessionEnd, SessionInfo
from edge_app.core.types import Estimate, seconds
from edge_app.errors import AudioFormatError
from edge_app.interrupts import stop_on_signals
from edge_app.session import Session
from edge_app.settings import PipelineSettings
from edge_app.sinks import LineWriter, make_sink
from edge_app.sinks.files import write_stderr


def find_audio(paths: Iterable[str | Path]) -> tuple[list[Path], list[str]]:
    """The files to estimate: files as they are named, and the audio files in folders, sorted, however deep.

    Hidden files in folders are left out: some systems keep notes beside a recording under its name.

    Returns:
        The files, and a line for each folder that holds none.
    """
    found: list[Path] = []
    faults = []
    for path in map(Path, paths):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(entry for entry in path.rglob("[!.]*") if entry.suffix.lower() in SUFFIXES and entry.is_file())
        if not inside:
            faults.append(f"{path}: no audio files in this folder; edge-ser reads {' '.join(SUFFIXES)}")
        found.extend(inside)
    return found, faults


def analyze_files(
    files: Sequence[Path], settings: PipelineSettings, form: str, write: LineWriter, channel: int | None = None
) -> int:
    """Estimate files and write the estimates; a progress bar on standard error shows how far it is.

    Args:
        files: the files, in order.
        settings: how audio becomes estimates.
        form: a key of ``SINKS``.
        write: takes the lines.
        channel: the channel that is heard alone, counted from 1; None hears the mean of all.

    Returns:
        How many files could not be read, or not to their end. Each has got one line on standard error.

    Raises:
        BundleError: the model cannot be loaded.
        OutputError: the estimates cannot be written.
        KeyboardInterrupt: somebody asked to stop; what was done until then is written, with an end record that says so.
    """
    bundle = load_bundle(settings.model)
    pipeline = open_pipeline(settings, bundle)
    sink = make_sink(form, write)
    failed = 0
    with stop_on_signals() as stop, Progress(files) as progress:
        for path in files:
            try:
                source = FileSource(path, channel=channel)
                sinks = [sink, FileWatch(progress, source, path)]
                Session(pipeline, source, session_info(settings, bundle, source), sinks).run(stop)
            except AudioFormatError as error:
                failed += 1
                progress.say(f"edge-ser: {error}")
            if stop.is_set():
                raise KeyboardInterrupt
            progress.finished(path)
    return failed


class Progress:
    """A progress bar on standard error, measured in bytes; nothing where that is no terminal.

    Args:
        files: all files.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._sizes = {path: path.stat().st_size if path.is_file() else 0 for path in files}
        self._done = 0
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        """Show the bar."""
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = Bar(sum(self._sizes.values()))
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def inside(self, path: Path, fraction: float) -> None:
        """Show that a fraction of a file is done."""
        if self._bar is not None:
            self._bar.show(path.name, self._done + fraction * self._sizes[path])

    def finished(self, path: Path) -> None:
        """Show that a file is done."""
        self._done += self._sizes[path]
        if self._bar is not None:
            self._bar.show(path.name, self._done)

    def say(self, line: str) -> None:
        """Write a line on standard error, above the bar."""
        if self._bar is not None:
            self._bar.say(line)
        else:
            write_stderr(line)


class Bar:
    """The bar itself, drawn by rich.

    Args:
        total: bytes of all files.
    """

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Drawn

        name = TextColumn("{task.description}", markup=False)
        self._drawn = Drawn(
            name, BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
        )
        self._task = self._drawn.add_task("", total=max(total, 1))
        self._drawn.start()

    def show(self, name: str, done: float) -> None:
        """Show the file at work and the bytes done."""
        self._drawn.update(self._task, description=name, completed=done)

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        self._drawn.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._drawn.stop()


class FileWatch:
    """A sink that moves the progress bar and puts notices on standard error.

    Args:
        progress: the bar.
        source: what is read.
        path: its file.
    """

    def __init__(self, progress: Progress, source: FileSource, path: Path) -> None:
        self._progress = progress
        self._duration = source.duration
        self._path = path

    def open(self, info: SessionInfo) -> None:
        """Show the file's name."""
        self._progress.inside(self._path, 0.0)

    def write(self, estimate: Estimate) -> None:
        """Move the bar."""
        self._progress.inside(self._path, min(1.0, seconds(estimate.end) / self._duration))

    def notice(self, notice: Notice) -> None:
        """Say it."""
        self._progress.say(f"edge-ser: {notice.kind}: {self._path}: {notice.text}")

    def close(self, end: SessionEnd) -> None:
        """Do nothing: the bar moves on when the file is done."""
