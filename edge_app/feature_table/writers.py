"""Tables on disk: CSV, and Parquet where pyarrow is installed. Columns: file, start and end in seconds, features."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_app.core.types import Floats
from edge_app.errors import BackendMissing, ConfigurationError
from edge_app.feature_table.layout import Rows
from edge_app.sinks.files import OutputFile

BEFORE_FEATURES = ("file", "start", "end")
END_OF_LINE = "\r\n"
LINES = 1000
"""Rows of CSV that are written at once."""

GROUP = 10_000
"""Rows that a row group of Parquet has at least, but for the last: small groups cost more than what they hold."""


class TableWriter(Protocol):
    """Writes the rows of recordings into a file. Before the first of them it writes nothing."""

    def write(self, path: Path, rows: Rows) -> None:
        """Write the rows of a recording.

        Raises:
            OutputError: they cannot be written.
        """
        ...

    def close(self) -> None:
        """Complete the table.

        Raises:
            OutputError: it cannot be written.
        """
        ...


class CsvWriter:
    """CSV, as UTF-8. Nine digits give every single-precision number back as it was.

    Args:
        file: takes the lines.
        columns: names of the features.
    """

    def __init__(self, file: OutputFile, columns: tuple[str, ...]) -> None:
        self._file = file
        self._columns = columns
        self._form = ",%r,%r" + ",%.9g" * len(columns)
        self._begun = False

    def write(self, path: Path, rows: Rows) -> None:
        """See :class:`TableWriter`."""
        if not self._begun:
            self._file.write_line(_cells(*BEFORE_FEATURES, *self._columns))
            self._begun = True
        name = _cells(_printable(path))
        times = rows.times()
        for first in range(0, len(times), LINES):
            values = rows.values[first : first + LINES] + np.float32(0)  # which makes -0 plain 0
            some = zip(times[first : first + LINES], values, strict=True)
            self._file.write_line("\n".join(name + self._form % (*time, *values.tolist()) for time, values in some))

    def close(self) -> None:
        """See :class:`TableWriter`."""


class ParquetWriter:
    """Parquet: a string, two doubles, and a single-precision number for each feature.

    Args:
        file: takes the bytes.
        columns: names of the features.

    Raises:
        BackendMissing: pyarrow is not installed.
    """

    def __init__(self, file: OutputFile, columns: tuple[str, ...]) -> None:
        try:
            self._arrow: Any = importlib.import_module("pyarrow")
            self._parquet: Any = importlib.import_module("pyarrow.parquet")
        except ModuleNotFoundError as error:
            raise BackendMissing(
                "writing Parquet needs the package 'pyarrow': run pip install pyarrow (in the repository, "
                "pip install -e '.[parquet]'), or give --output a name that ends in .csv"
            ) from error
        arrow = self._arrow
        kinds = (arrow.string(), arrow.float64(), arrow.float64())
        self._schema = arrow.schema(
            [*zip(BEFORE_FEATURES, kinds, strict=True), *((name, arrow.float32()) for name in columns)]
        )
        self._file = file
        self._writer: Any = None
        self._places: list[tuple[str, float, float]] = []
        self._values: list[Floats] = []

    def write(self, path: Path, rows: Rows) -> None:
        """See :class:`TableWriter`."""
        name = _printable(path)
        self._places.extend((name, start, end) for start, end in rows.times())
        self._values.append(rows.values)
        if len(self._places) >= GROUP:
            self._write_group()

    def close(self) -> None:
        """See :class:`TableWriter`."""
        if self._places:
            self._write_group()
        if self._writer is not None:
            self._writer.close()

    def _write_group(self) -> None:
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(_Bytes(self._file), self._schema)
        places = zip(*self._places, strict=True)
        features = np.concatenate(self._values).T
        self._places, self._values = [], []
        self._writer.write_table(self._arrow.table([*map(list, places), *features], schema=self._schema))


class _Bytes(io.RawIOBase):
    """An output file as pyarrow wants it; closing it is its context's business."""

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, content: Any) -> int:
        self._file.write_bytes(bytes(content))
        self._position += len(content)
        return len(content)


WRITERS: dict[str, Callable[[OutputFile, tuple[str, ...]], TableWriter]] = {
    ".csv": CsvWriter,
    ".parquet": ParquetWriter,
}


def make_writer(file: OutputFile, columns: tuple[str, ...]) -> TableWriter:
    """The writer for a file, by how its name ends.

    Raises:
        ConfigurationError: it ends otherwise.
        BackendMissing: an optional package is not installed.
    """
    suffix = file.path.suffix.lower()
    if suffix not in WRITERS:
        raise ConfigurationError(f"--output {file.path}: give a name that ends in {' or '.join(WRITERS)}")
    return WRITERS[suffix](file, columns)


def _printable(path: Path) -> str:
    """A path as text; a name need not be valid UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _cells(*cells: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator=END_OF_LINE).writerow(cells)  # it quotes the characters of its line's end
    return line.getvalue().removesuffix(END_OF_LINE)
