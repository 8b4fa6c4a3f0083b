"""What is true of a clip, stretch by stretch: who speaks, in which emotion, in which noise.

A timeline is a CSV file with the columns :data:`COLUMNS`: seconds from the start of the clip, without gaps; a stretch
in which nobody speaks has the emotion ``pause``; ``snr`` is in dB and may be empty.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_app.core.labels import LABELS
from edge_app.errors import ConfigurationError

COLUMNS = ("start", "end", "speaker", "emotion", "noise", "snr")
PAUSE = "pause"
TOLERANCE = 0.01
"""Seconds by which the times of stretches, and the clip's length, may differ from each other."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a clip in which nothing changes.

    Attributes:
        start: seconds from the start of the clip.
        end: likewise.
        speaker: who speaks; empty in a pause.
        emotion: one of :data:`edge_app.core.labels.LABELS`, or ``pause``.
        noise: what is heard beside the speech; empty for nothing.
        snr: ratio of speech to noise in dB, None where it is not known.
    """

    start: float
    end: float
    speaker: str
    emotion: str
    noise: str = ""
    snr: float | None = None


@dataclass(frozen=True, slots=True)
class Mood:
    """One emotion, from where it is first heard to where another is, pauses included.

    Attributes:
        start: seconds from the start of the clip.
        end: likewise; for the last one the end of the timeline.
        emotion: which.
    """

    start: float
    end: float
    emotion: str


def read_timeline(path: Path) -> list[Stretch]:
    """Read a timeline.

    Raises:
        ConfigurationError: it cannot be read, a column is missing, a time is no number, or the stretches do not
            follow each other from 0 on; the text names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS[:4] if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path}: no column {missing[0]!r}; a timeline has the columns {', '.join(COLUMNS)}"
                )
            stretches = [_stretch(path, reader.line_num, row) for row in reader]
    except OSError as error:
        raise ConfigurationError(f"{path}: {(error.strerror or str(error)).lower()}; check --timeline") from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(f"{path}: not a CSV file in UTF-8; check --timeline") from None
    at = 0.0
    for number, stretch in enumerate(stretches, 2):
        if abs(stretch.start - at) > TOLERANCE or stretch.end <= stretch.start:
            raise ConfigurationError(
                f"{path}, line {number}: from {stretch.start:g} s to {stretch.end:g} s after {at:g} s; stretches must "
                "follow each other from 0 on"
            )
        at = stretch.end
    if not stretches:
        raise ConfigurationError(f"{path}: no lines below the header; expected one for each stretch")
    return stretches


def moods(timeline: Sequence[Stretch]) -> list[Mood]:
    """The emotions of a timeline in turn; the same one again after a pause is one mood."""
    begun: list[tuple[float, str]] = []
    for stretch in timeline:
        if stretch.emotion != PAUSE and (not begun or begun[-1][1] != stretch.emotion):
            begun.append((stretch.start, stretch.emotion))
    ends = [*(start for start, _ in begun[1:]), timeline[-1].end] if begun else []
    return [Mood(start, end, emotion) for (start, emotion), end in zip(begun, ends, strict=True)]


def _stretch(path: Path, line: int, row: dict[str, str]) -> Stretch:
    def number(column: str) -> float | None:
        text = (row.get(column) or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ConfigurationError(f"{path}, line {line}: {column} is {text!r}, which is not a number")
        return value

    start, end = number("start"), number("end")
    if start is None or end is None:
        raise ConfigurationError(f"{path}, line {line}: a stretch needs a start and an end")
    emotion = (row["emotion"] or "").strip()
    if not emotion:
        raise ConfigurationError(f"{path}, line {line}: no emotion; write {PAUSE!r} where nobody speaks")
    if emotion not in (*LABELS, PAUSE):
        raise ConfigurationError(
            f"{path}, line {line}: emotion is {emotion!r}; write {PAUSE} or one of {', '.join(LABELS)}"
        )
    return Stretch(start, end, (row["speaker"] or "").strip(), emotion, (row.get("noise") or "").strip(), number("snr"))
