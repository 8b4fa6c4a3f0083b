"""AESDD, the Acted Emotional Speech Dynamic Database: Greek actors, five emotions, no neutral."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness")
NAME = re.compile(r"(?P<emotion>[adfhs])\d\d \(0*(?P<speaker>[1-9]\d*)\)[a-z]?")
LAYOUT = f"folders {', '.join(EMOTIONS)} with files like a01 (1).wav (emotion and utterance, speaker)"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus. The release does not say which speakers are women.

    Raises:
        CorpusError: an emotion's folder is missing or empty, or a name has another form or emotion.
    """
    utterances = []
    for label in EMOTIONS:
        for path in required_audio(folder / label, LAYOUT):
            match = NAME.fullmatch(path.stem)
            if match is None or match["emotion"] != label[0]:
                raise CorpusError(f"{path.parent}: {path.name} is not a name of AESDD; expected {LAYOUT}")
            utterances.append(
                Utterance(
                    path=path,
                    corpus=CORPUS.name,
                    speaker=f"{CORPUS.name}/{match['speaker']}",
                    language=CORPUS.language,
                    label=label,
                )
            )
    return utterances


CORPUS = Corpus(
    name="aesdd",
    folder="aesdd",
    layout=LAYOUT,
    language="el",
    licence="research only",
    shippable="research only",
    citation="Vryzas, Kotsakis, Liatsou, Dimoulas and Kalliris, Speech emotion recognition for performance "
    "interaction, Journal of the Audio Engineering Society 66(6), 2018",
    read=read,
)
