"""RAVDESS, speech: 24 actors, two English sentences, eight emotions, most of them at two intensities."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
SPEECH = "01"
SONG = "02"
AUDIO_ONLY = "03"
NAME = re.compile(r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<emotion>\d\d)-\d\d-\d\d-\d\d-(?P<actor>\d\d)")
ARCHIVE = "Audio_Speech_Actors_01-24"
LAYOUT = f"folders Actor_01 to Actor_24, there or in {ARCHIVE}/, with files like 03-01-06-01-02-01-12.wav"

DUPLICATES = frozenset({"03-01-03-01-02-02-07"})
"""Actor 7's second take of the happy second sentence is, sample for sample, the first; only the first is read."""


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus; sung recordings, which the full release puts beside the spoken, are left out.

    Raises:
        CorpusError: no actors' folders, one without recordings, or a name with another form or emotion.
    """
    inner = folder / ARCHIVE
    base = inner if inner.is_dir() else folder
    actors = sorted(path for path in base.glob("Actor_*") if path.is_dir()) if base.is_dir() else []
    if not actors:
        raise CorpusError(f"{base}: no Actor_XX folders; expected {LAYOUT}")
    utterances = []
    for path in (file for actor in actors for file in required_audio(actor, LAYOUT)):
        match = NAME.fullmatch(path.stem)
        if (
            match is None
            or match["modality"] != AUDIO_ONLY
            or match["channel"] not in (SPEECH, SONG)
            or match["emotion"] not in EMOTIONS
        ):
            raise CorpusError(f"{path.parent}: {path.name} is not a name of RAVDESS speech; expected {LAYOUT}")
        if match["channel"] == SONG or path.stem in DUPLICATES:
            continue
        utterances.append(
            Utterance(
                path=path,
                corpus=CORPUS.name,
                speaker=f"{CORPUS.name}/{match['actor']}",
                language=CORPUS.language,
                label=EMOTIONS[match["emotion"]],
                gender="male" if int(match["actor"]) % 2 else "female",
            )
        )
    if not utterances:
        raise CorpusError(f"{base}: only sung recordings; expected {LAYOUT}")
    return utterances


CORPUS = Corpus(
    name="ravdess",
    folder="ravdess",
    layout=LAYOUT,
    language="en",
    licence="CC-BY-NC-SA-4.0",
    shippable="non-commercial",
    citation="Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), "
    "PLoS ONE 13(5), 2018",
    read=read,
)
