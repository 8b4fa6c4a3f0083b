"""Enrolled baselines on disk: one JSON file a person, with statistics of features and nothing else.

They lie in the user's data folder (``~/.local/share/edge-ser/baselines`` on Linux), or in the one that
``EDGE_SER_BASELINES`` names, and only their owner may read them. There is no audio in them, and none can be made from
them: a mean and a variance for each feature.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from edge_app.core.types import Floats
from edge_app.core.wearer import WearerStatistics
from edge_app.errors import BaselineError, OutputError

VARIABLE = "EDGE_SER_BASELINES"
SUFFIX = ".json"
TYPE = "edge-ser baseline"
SCHEMA = 1
NAME = re.compile(r"\w[\w.-]{0,63}")
RESERVED = ("none", "adaptive")


@dataclass(frozen=True, slots=True)
class EnrolledWearer:
    """What enrolment stores about a person.

    Attributes:
        name: what ``--baseline`` calls them.
        date: the day of enrolment, ISO 8601.
        statistics: one entry for each feature set and window length.
    """

    name: str
    date: str
    statistics: tuple[WearerStatistics, ...]

    def of(self, digest: str, window: int) -> WearerStatistics | None:
        """The statistics of a feature set in windows of so many samples, None where there are none."""
        return next((each for each in self.statistics if (each.digest, each.window) == (digest, window)), None)


def baselines_folder() -> Path:
    """Where enrolled baselines lie."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("edge-ser")) / "baselines"


def baseline_path(name: str) -> Path:
    """The file of a name.

    Raises:
        BaselineError: the name is none that a baseline can have.
    """
    if not NAME.fullmatch(name) or name in RESERVED or name.endswith(SUFFIX):
        raise BaselineError(
            f"a baseline cannot be called {name!r}: use letters, digits, '-', '_' and '.', at most 64 of them, "
            f"not {' or '.join(RESERVED)}, and no {SUFFIX} at its end"
        )
    return baselines_folder() / f"{name}{SUFFIX}"


def list_wearers() -> tuple[list[EnrolledWearer], list[BaselineError]]:
    """All enrolled baselines, sorted by name, and what is wrong with the files that are none.

    They are called as their files are: that is the name by which they are found and deleted, also where a file is a
    copy of another.
    """
    wearers, faults = [], []
    for path in sorted(baselines_folder().glob(f"*{SUFFIX}")):
        try:
            baseline_path(path.stem)
            found = read_wearer(path)
            wearers.append(EnrolledWearer(path.stem, found.date, found.statistics))
        except BaselineError as error:
            faults.append(error)
    return wearers, faults


def find_wearer(wanted: str) -> EnrolledWearer:
    """The enrolled baseline of a name, or of a file.

    Args:
        wanted: a name, or a path: anything with a folder in it or with the suffix ``.json``.

    Raises:
        BaselineError: there is none, or its file is damaged.
    """
    if os.sep in wanted or wanted.endswith(SUFFIX):
        return read_wearer(Path(wanted))
    path = baseline_path(wanted)
    if not path.is_file():
        known = ", ".join(wearer.name for wearer in list_wearers()[0])
        raise BaselineError(
            f"no baseline {wanted!r}: "
            + (f"there are {known}; " if known else "nobody is enrolled; ")
            + f"run edge-ser enroll --name {wanted}"
        )
    return read_wearer(path)


def read_wearer(path: Path) -> EnrolledWearer:
    """Read a file of an enrolled baseline.

    Raises:
        BaselineError: it is missing, or not the whole of an enrolled baseline.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaselineError(f"{path}: {_reason(error)}; enrol again or give another file") from None
    except (ValueError, RecursionError):
        raise BaselineError(f"{path}: not an enrolled baseline, or a damaged one; enrol again") from None
    if not isinstance(stored, dict) or stored.get("type") != TYPE:
        raise BaselineError(f"{path}: not an enrolled baseline; 'edge-ser enroll' makes one")
    if stored.get("schema") != SCHEMA:
        raise BaselineError(
            f"{path}: schema {stored.get('schema')!r}, this version reads {SCHEMA}; update edge-ser or enrol again"
        )
    try:
        name, date = str(stored["name"]), datetime.date.fromisoformat(stored["date"]).isoformat()
        baseline_path(name)
        return EnrolledWearer(name, date, tuple(_statistics(entry) for entry in stored["features"]))
    except (KeyError, TypeError, ValueError, OverflowError, BaselineError):
        raise BaselineError(f"{path}: a damaged baseline; enrol again with --force") from None


def write_wearer(wearer: EnrolledWearer, *, replace: bool = False) -> Path:
    """Store an enrolled baseline, whole or not at all; only its owner may read it.

    Args:
        wearer: what is stored.
        replace: an older one of that name gives way.

    Raises:
        BaselineError: the name is taken, or none that a baseline can have.
        OutputError: it cannot be written.
    """
    path = baseline_path(wearer.name)
    if not replace:
        refuse_taken(wearer.name)
    content = {
        "type": TYPE,
        "schema": SCHEMA,
        "name": wearer.name,
        "date": wearer.date,
        "features": [_entry(statistics) for statistics in wearer.statistics],
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    refuse_unwritable(wearer.name)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise OutputError(f"{path}: {_reason(error)}; nothing was stored, choose a folder with {VARIABLE}") from None
    return path


def refuse_taken(name: str) -> None:
    """Make sure that no baseline of a name is replaced unasked.

    Raises:
        BaselineError: there is one, or the name is none that a baseline can have.
    """
    if baseline_path(name).exists():
        raise BaselineError(f"{name!r} is enrolled already; --force replaces it, or choose another --name")


def refuse_unwritable(name: str) -> None:
    """Make sure that a baseline can be stored, before anybody reads half a minute of text for it.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    path = baseline_path(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: {_reason(error)}; choose a folder with {VARIABLE}") from None
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path.parent}: cannot be written; choose a folder with {VARIABLE}")


def delete_wearer(name: str) -> None:
    """Remove an enrolled baseline.

    Raises:
        BaselineError: there is none of that name.
        OutputError: it cannot be removed.
    """
    path = baseline_path(name)
    try:
        path.unlink()
    except FileNotFoundError:
        known = ", ".join(each.stem for each in sorted(path.parent.glob(f"*{SUFFIX}"))) or "none"
        raise BaselineError(f"no baseline {name!r} to delete; there are: {known}") from None
    except OSError as error:
        raise OutputError(f"{path}: {_reason(error)}; it was not deleted") from None


def today() -> str:
    """The date of an enrolment, ISO 8601."""
    return datetime.date.today().isoformat()


def _entry(statistics: WearerStatistics) -> dict[str, Any]:
    return {
        "digest": statistics.digest,
        "window": statistics.window,
        "seconds": round(statistics.seconds, 3),
        "count": statistics.count,
        "mean": _plain(statistics.mean),
        "variance": _plain(statistics.variance),
    }


def _statistics(entry: dict[str, Any]) -> WearerStatistics:
    with np.errstate(over="ignore"):  # what is too large for a feature becomes infinite, and is refused below
        mean, variance = (np.array(entry[name], dtype=np.float32) for name in ("mean", "variance"))
    found = WearerStatistics(
        digest=str(entry["digest"]),
        window=int(entry["window"]),
        seconds=float(entry["seconds"]),
        count=int(entry["count"]),
        mean=mean,
        variance=variance,
    )
    sound = mean.ndim == 1 and mean.shape == variance.shape and bool(np.isfinite([mean, variance]).all())
    heard = math.isfinite(found.seconds) and found.seconds > 0 and found.count > 0
    if not sound or not heard or not len(mean) or variance.min() < 0:
        raise ValueError("statistics that no speech can have")
    return found


def _plain(values: Floats | Sequence[float]) -> list[float]:
    """The shortest decimal numbers that read back as the same float32 values."""
    return [float(str(np.float32(value))) for value in values]


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
