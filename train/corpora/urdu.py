"""URDU: clips of Urdu talk shows, spontaneous, four emotions.

26 of the 29 speakers have one emotion only: it serves as a cross-corpus test and for nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {"Angry": "anger", "Happy": "happiness", "Neutral": "neutral", "Sad": "sadness"}
GENDERS = {"M": "male", "F": "female"}
NAME = re.compile(r"(?P<speaker>S(?P<gender>[MF])\d+)_.+")
LAYOUT = f"folders {', '.join(EMOTIONS)} with files like SM1_F10_A010.wav (speaker first)"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus.

    Raises:
        CorpusError: an emotion's folder is missing or empty, or a name has another form.
    """
    utterances = []
    for name, label in EMOTIONS.items():
        for path in required_audio(folder / name, LAYOUT):
            match = NAME.fullmatch(path.stem)
            if match is None:
                raise CorpusError(f"{path.parent}: {path.name} is not a name of URDU; expected {LAYOUT}")
            utterances.append(
                Utterance(
                    path=path,
                    corpus=CORPUS.name,
                    speaker=f"{CORPUS.name}/{match['speaker']}",
                    language=CORPUS.language,
                    label=label,
                    gender=GENDERS[match["gender"]],
                )
            )
    return utterances


CORPUS = Corpus(
    name="urdu",
    folder="urdu",
    layout=LAYOUT,
    language="ur",
    licence="research only",
    shippable="research only",
    citation="Latif, Qayyum, Usman and Qadir, Cross lingual speech emotion recognition: Urdu vs. Western languages, "
    "FIT 2018",
    read=read,
)
