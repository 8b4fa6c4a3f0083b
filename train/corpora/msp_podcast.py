"""MSP-Podcast: spontaneous English from podcasts, emotions and ratings by listeners, published partitions."""

from __future__ import annotations

import csv
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.ratings import scaled_rating
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "N": "neutral",
    "C": None,
    "O": None,
    "X": None,
}
"""Contempt, other and no agreement have no label here."""

GENDERS = {"male": "male", "female": "female", "unknown": None, "": None}
NOBODY = ("", "unknown")
SCALE = (1.0, 7.0)
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
TABLES = ("Labels/labels_consensus.csv", "Labels/labels_concensus.csv", "labels_consensus.csv")
LAYOUT = f"Labels/labels_consensus.csv with the columns {', '.join(COLUMNS)}, and a folder Audios/ with its files"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus. Utterances whose speaker is unknown count as one speaker's.

    Raises:
        CorpusError: no table, a column or listed file that is missing, an unknown emotion or gender, a rating off the
            scale, or no recordings.
    """
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if table is None:
        raise CorpusError(f"{folder}: no {TABLES[0]}; expected {LAYOUT}")
    files = {path.stem: path for path in required_audio(folder / "Audios", LAYOUT, recursive=True)}
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise CorpusError(f"{table}: no column {missing[0]}; expected {LAYOUT}")
        rows = [{column: (row[column] or "").strip() for column in COLUMNS} for row in reader]
    lost = [row["FileName"] for row in rows if Path(row["FileName"]).stem not in files]
    if lost:
        raise CorpusError(f"{folder}: Audios/ lacks {len(lost)} of the files in {table.name}, the first is {lost[0]}")
    return [_utterance(table, row, files[Path(row["FileName"]).stem]) for row in rows]


def _utterance(table: Path, row: dict[str, str], path: Path) -> Utterance:
    place = f"{table}: {row['FileName']}"
    if row["EmoClass"] not in EMOTIONS:
        raise CorpusError(f"{place} has the class {row['EmoClass']!r}; expected one of {', '.join(EMOTIONS)}")
    if row["Gender"].lower() not in GENDERS:
        raise CorpusError(f"{place} has the gender {row['Gender']!r}; expected Male, Female or Unknown")
    speaker = "unnamed" if row["SpkrID"].lower() in NOBODY else row["SpkrID"]
    return Utterance(
        path=path,
        corpus=CORPUS.name,
        speaker=f"{CORPUS.name}/{speaker}",
        language=CORPUS.language,
        label=EMOTIONS[row["EmoClass"]],
        gender=GENDERS[row["Gender"].lower()],
        arousal=scaled_rating(row["EmoAct"], *SCALE, place),
        valence=scaled_rating(row["EmoVal"], *SCALE, place),
        dominance=scaled_rating(row["EmoDom"], *SCALE, place),
        split=row["Split_Set"] or None,
    )


CORPUS = Corpus(
    name="msp-podcast",
    folder="msp-podcast",
    layout=LAYOUT,
    language="en",
    licence="research only, under its own agreement",
    shippable="research only",
    citation="Lotfian and Busso, Building naturalistic emotionally balanced speech corpus by retrieving emotional "
    "speech from existing podcast recordings, IEEE Transactions on Affective Computing 10(4), 2019",
    read=read,
)
