"""Any corpus at all, described by a CSV file.

The columns ``path``, ``speaker`` and ``label`` must be there, those of :data:`OPTIONAL` may be. Paths are relative to
the CSV file; an empty label means that the recording has none; ``start`` and ``end`` are seconds within the file;
``licence`` is that of the recording, one of :data:`LICENCES` where a model trained on it is to be passed on.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from edge_app.core.labels import DIMENSIONS, LABELS
from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.corpora.utterance import UNSTATED, Corpus, Shippable, Utterance

REQUIRED = ("path", "speaker", "label")
OPTIONAL = ("gender", "language", "start", "end", *DIMENSIONS, "split", "licence")
RECORDED = ("source", "receiver", "room", "reverberation", "distance", "noise", "noise_distance", "noise_source", "snr",
            "clipped")  # fmt: skip
"""How a noisy recording was made (:mod:`train.noisy`): allowed, and for people and programs that look for it."""

SYNONYMS = {
    "happy": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "fearful": "fear",
    "disgusted": "disgust",
    "surprised": "surprise",
    "bored": "boredom",
}
"""The adjectives that corpora use for our nouns. Wider terms (joy, excitement, frustration) are not guessed at."""

LICENCES: dict[str, Shippable] = {
    "CC0-1.0": "any use",
    "CC-BY-4.0": "any use",
    "CC-BY-NC-4.0": "non-commercial",
    "CC-BY-NC-SA-4.0": "non-commercial",
}
"""What a model trained on recordings under these licences may be used for; under any other, for research only."""

STRICTEST: tuple[Shippable, ...] = ("research only", "non-commercial", "any use")

GENDERS = {"male": "male", "m": "male", "female": "female", "f": "female", "other": "other"}
UNKNOWN_LANGUAGE = "und"


class _Row(NamedTuple):
    """The cells of a line without blanks around them, and where the line is for error messages."""

    cells: dict[str, str]
    place: str

    def number(self, column: str) -> float | None:
        """The number in a column, None where the cell is empty."""
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise CorpusError(f"{self.place}: {column} is {text!r}, which is not a number")
        return value


def is_manifest(name: str) -> bool:
    """Whether the name of a corpus is the path of a manifest."""
    return name.lower().endswith(".csv")


def manifest_corpus(path: Path) -> Corpus:
    """The corpus that a manifest describes; it bears the manifest's name without suffix.

    Its licence is what the column of that name states, the strictest where lines differ; where it is not stated, no
    model trained on the corpus counts as free to ship.
    """
    stated = _licences(path) or {UNSTATED}
    kinds = {LICENCES.get(licence, "research only") for licence in stated}
    return Corpus(
        name=path.stem,
        folder=str(path),
        layout=f"a CSV file with the columns {', '.join(REQUIRED)}",
        language=UNKNOWN_LANGUAGE,
        licence=", ".join(sorted(stated)),
        shippable=next(kind for kind in STRICTEST if kind in kinds),
        citation="",
        read=read,
    )


def _licences(path: Path) -> set[str]:
    """The licences that lines of a manifest state; none where it cannot be read, of which :func:`read` speaks."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            if "licence" not in header:
                return set()
            at = header.index("licence")
            return {line[at].strip() or UNSTATED for line in reader if len(line) == len(header) and any(line)}
    except (OSError, UnicodeDecodeError, csv.Error):
        return set()


def read(path: Path) -> list[Utterance]:
    """Read a manifest.

    Raises:
        CorpusError: it is missing, empty or not UTF-8; a column is missing or unknown; or a line names a missing
            file, an unknown label or gender, a bad number, an end before its start, or a dimension outside [-1, 1].
            The text names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(path, header)
            utterances = [
                _utterance(path, _row(path, reader.line_num, header, line))
                for line in reader
                if any(map(str.strip, line))
            ]
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV file") from None
    except UnicodeDecodeError:
        raise CorpusError(f"{path}: not UTF-8 text; save the CSV file as UTF-8") from None
    except csv.Error as error:
        raise CorpusError(f"{path}: not a CSV file ({error})") from None
    if not utterances:
        raise CorpusError(f"{path}: no lines below the header; expected one for each recording")
    return utterances


def _check_header(path: Path, header: list[str]) -> None:
    for column in REQUIRED:
        if column not in header:
            raise CorpusError(f"{path}, line 1: no column {column!r}; the first line must name {', '.join(REQUIRED)}")
    for column in header:
        if column not in REQUIRED + OPTIONAL + RECORDED:
            known = ", ".join(REQUIRED + OPTIONAL)
            raise CorpusError(
                f"{path}, line 1: unknown column {column!r}; the columns are {known}: remove or rename it"
            )
        if header.count(column) > 1:
            raise CorpusError(f"{path}, line 1: column {column!r} is there twice; remove one")


def _row(path: Path, number: int, header: list[str], line: list[str]) -> _Row:
    place = f"{path}, line {number}"
    if len(line) != len(header):
        raise CorpusError(
            f"{place}: {counted(len(line), 'cell')} where the header has {len(header)}; quote cells with commas"
        )
    return _Row({column: cell.strip() for column, cell in zip(header, line, strict=True)}, place)


def _utterance(manifest: Path, row: _Row) -> Utterance:
    cells, place = row
    for column in ("path", "speaker"):
        if not cells[column]:
            raise CorpusError(f"{place}: {column} is empty; every recording needs one")
    path = manifest.parent / cells["path"]
    if not path.is_file():
        raise CorpusError(f"{place}: no file {path}; paths are relative to the folder of the CSV file")
    label = SYNONYMS.get(cells["label"].lower(), cells["label"].lower()) or None
    if label is not None and label not in LABELS:
        raise CorpusError(
            f"{place}: unknown label {cells['label']!r}; choose from {', '.join(LABELS)}, or leave it empty"
        )
    gender = cells.get("gender", "").lower()
    if gender and gender not in GENDERS:
        raise CorpusError(f"{place}: unknown gender {cells['gender']!r}; choose from {', '.join(GENDERS)}")
    start, end = row.number("start"), row.number("end")
    if (start or 0.0) < 0 or (end is not None and end <= (start or 0.0)):
        raise CorpusError(
            f"{place}: start {cells.get('start') or 0} and end {cells.get('end')}; expected 0 <= start < end"
        )
    rated = {name: row.number(name) for name in DIMENSIONS}
    for name, value in rated.items():
        if value is not None and abs(value) > 1:
            raise CorpusError(f"{place}: {name} is {value:g}; scale the ratings to [-1, 1]")
    return Utterance(
        path=path,
        corpus=manifest.stem,
        speaker=f"{manifest.stem}/{cells['speaker']}",
        language=cells.get("language") or UNKNOWN_LANGUAGE,
        label=label,
        gender=GENDERS.get(gender),
        start=start,
        end=end,
        split=cells.get("split") or None,
        **rated,
    )
