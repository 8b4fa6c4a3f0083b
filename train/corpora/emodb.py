"""The Berlin database of emotional speech: ten actors, ten German sentences, seven emotions."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
MALE = ("03", "10", "11", "12", "15")
FEMALE = ("08", "09", "13", "14", "16")
GENDERS = dict.fromkeys(MALE, "male") | dict.fromkeys(FEMALE, "female")
NAME = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[A-Z])[a-z]")
LAYOUT = "files like 03a01Fa.wav (speaker, sentence, emotion, take), in the folder itself or in wav/"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus, as in ``download.zip`` (``wav/``) or flat.

    Raises:
        CorpusError: no recordings, or a name with another form, emotion or speaker.
    """
    inner = folder / "wav"
    utterances = []
    for path in required_audio(inner if inner.is_dir() else folder, LAYOUT):
        match = NAME.fullmatch(path.stem)
        if match is None or match["emotion"] not in EMOTIONS or match["speaker"] not in GENDERS:
            raise CorpusError(f"{path.parent}: {path.name} is not a name of EMO-DB; expected {LAYOUT}")
        utterances.append(
            Utterance(
                path=path,
                corpus=CORPUS.name,
                speaker=f"{CORPUS.name}/{match['speaker']}",
                language=CORPUS.language,
                label=EMOTIONS[match["emotion"]],
                gender=GENDERS[match["speaker"]],
            )
        )
    return utterances


CORPUS = Corpus(
    name="emodb",
    folder="emodb",
    layout=LAYOUT,
    language="de",
    licence="CC0-1.0",
    shippable="any use",
    citation="Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss, A database of German emotional speech, "
    "Interspeech 2005",
    read=read,
)
