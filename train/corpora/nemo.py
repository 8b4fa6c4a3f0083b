"""The nEMO corpus: nine actors, ninety Polish sentences, six emotions."""

from __future__ import annotations

import csv
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "neutral": "neutral",
    "happiness": "happiness",
    "sadness": "sadness",
    "anger": "anger",
    "fear": "fear",
    "surprised": "surprise",
}
COLUMNS = ("file_id", "emotion", "speaker_id", "gender")
LAYOUT = f"data.tsv with the columns {', '.join(COLUMNS)}, and a folder samples/ with the files it lists"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus. ``data.tsv`` names ``.wav`` files; any suffix we read may be on disk.

    Raises:
        CorpusError: no ``data.tsv``, a column or listed file that is missing, an unknown emotion, or no recordings.
    """
    table = folder / "data.tsv"
    if not table.is_file():
        raise CorpusError(f"{folder}: no data.tsv; expected {LAYOUT}")
    files = {path.stem: path for path in required_audio(folder / "samples", LAYOUT)}
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise CorpusError(f"{table}: no column {missing[0]}; expected {LAYOUT}")
        rows = [{column: (row[column] or "").strip() for column in COLUMNS} for row in reader]
    lost = [row["file_id"] for row in rows if Path(row["file_id"]).stem not in files]
    if lost:
        raise CorpusError(f"{folder}: samples/ lacks {len(lost)} of the files in data.tsv, the first is {lost[0]}")
    for row in rows:
        if row["emotion"] not in EMOTIONS:
            raise CorpusError(
                f"{table}: {row['file_id']} has the emotion {row['emotion']!r}; expected one of {', '.join(EMOTIONS)}"
            )
    return [
        Utterance(
            path=files[Path(row["file_id"]).stem],
            corpus=CORPUS.name,
            speaker=f"{CORPUS.name}/{row['speaker_id']}",
            language=CORPUS.language,
            label=EMOTIONS[row["emotion"]],
            gender=row["gender"] or None,
        )
        for row in rows
    ]


CORPUS = Corpus(
    name="nemo",
    folder="nemo",
    layout=LAYOUT,
    language="pl",
    licence="CC-BY-NC-SA-4.0",
    shippable="non-commercial",
    citation="Christop, nEMO: Dataset of emotional speech in Polish, LREC-COLING 2024",
    read=read,
)
