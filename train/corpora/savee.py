"""SAVEE: four British men, seven emotions, 120 utterances each."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
NAME = re.compile(r"(?P<speaker>DC|JE|JK|KL)_(?P<emotion>sa|su|[adfhn])\d\d")
LAYOUT = "files like AudioData/DC/a01.wav (speaker; emotion and number), or like DC_a01.wav in one folder"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus, with a folder for each speaker or with the speaker in the names.

    Raises:
        CorpusError: no recordings, a name with another form, speaker or emotion, or a recording in both layouts.
    """
    found: dict[str, Path] = {}
    utterances = []
    for path in required_audio(folder, LAYOUT, recursive=True):
        name = path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
        match = NAME.fullmatch(name)
        if match is None:
            raise CorpusError(f"{path.parent}: {path.name} is not a name of SAVEE; expected {LAYOUT}")
        if name in found:
            raise CorpusError(f"{folder}: {found[name]} and {path} are the same recording twice; keep one of them")
        found[name] = path
        utterances.append(
            Utterance(
                path=path,
                corpus=CORPUS.name,
                speaker=f"{CORPUS.name}/{match['speaker']}",
                language=CORPUS.language,
                label=EMOTIONS[match["emotion"]],
                gender="male",
            )
        )
    return utterances


CORPUS = Corpus(
    name="savee",
    folder="savee",
    layout=LAYOUT,
    language="en",
    licence="research only",
    shippable="research only",
    citation="Haq and Jackson, Multimodal emotion recognition, in: Machine Audition: Principles, Algorithms and "
    "Systems, IGI Global 2010",
    read=read,
)
