"""The rows of many recordings, in order, by one process or by several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from edge_app.audio.file import FileSource
from edge_app.errors import AudioFormatError, ConfigurationError
from edge_app.feature_table.layout import FeatureComputer, Rows, TableSettings
from edge_app.feature_table.sets import make_computer

AHEAD = 2
"""Recordings per process that may be finished before the one whose turn it is."""

BLOCK = 2.0
"""Seconds that are computed at once: in shorter blocks the calls themselves cost as much as what they compute."""

SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def recording_rows(computer: FeatureComputer, path: Path, stop: threading.Event | None = None) -> Rows:
    """The rows of a recording, read in blocks.

    Raises:
        AudioFormatError: it cannot be read to its end, or is shorter than one frame.
        KeyboardInterrupt: ``stop`` was set.
    """
    computer.reset()
    source = FileSource(path, block=BLOCK)
    if source.run(lambda block: computer.feed(block.samples), stop or threading.Event()) == "interrupted":
        raise KeyboardInterrupt
    rows = computer.finish()
    if not len(rows.values):
        raise AudioFormatError(f"{path}: too short for one frame of features ({source.duration:.3f} s)")
    return rows


def all_rows(
    files: Sequence[Path], settings: TableSettings, jobs: int, stop: threading.Event
) -> Iterator[tuple[Path, Rows | AudioFormatError]]:
    """Each file with its rows, or with what is wrong with it, in the order of the files.

    Args:
        files: the recordings.
        settings: what is computed.
        jobs: processes at work; 1 computes here.
        stop: ends it early.

    Raises:
        ConfigurationError: the settings are impossible, or a process was ended from outside.
        BackendMissing: the feature set needs what is not installed.
        KeyboardInterrupt: ``stop`` was set.
    """
    if jobs == 1 or len(files) < 2:
        computer = make_computer(settings)
        for path in files:
            yield path, _rows_or_fault(computer, path, stop)
        return
    waiting = iter(files)
    with _pool(settings, min(jobs, len(files))) as pool:
        ahead: deque[tuple[Path, Future[Rows | AudioFormatError]]] = deque()
        try:
            while True:
                for path in islice(waiting, AHEAD * jobs - len(ahead)):
                    ahead.append((path, pool.submit(_work, path)))
                if not ahead:
                    return
                path, future = ahead.popleft()
                result = future.result()
                if stop.is_set():
                    raise KeyboardInterrupt
                yield path, result
        except BrokenProcessPool:
            raise ConfigurationError(
                f"--jobs {jobs}: a process was ended from outside, perhaps for lack of memory; choose fewer"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _rows_or_fault(
    computer: FeatureComputer, path: Path, stop: threading.Event | None = None
) -> Rows | AudioFormatError:
    try:
        return recording_rows(computer, path, stop)
    except AudioFormatError as error:
        return error


def _pool(settings: TableSettings, jobs: int) -> ProcessPoolExecutor:
    for name in SINGLE_THREADED:  # read by a process when it starts; this one has started
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")  # the progress bar has a thread, which a fork would break
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_work, initargs=(settings,))


_computer: FeatureComputer
"""What a process computes with; set when it begins."""


def _begin_work(settings: TableSettings) -> None:
    global _computer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    _computer = make_computer(settings)


def _work(path: Path) -> Rows | AudioFormatError:
    return _rows_or_fault(_computer, path)
