"""CaFE: twelve actors, six Canadian French sentences, seven emotions, all but neutral at two intensities."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "C": "anger",
    "D": "disgust",
    "J": "happiness",
    "N": "neutral",
    "P": "fear",
    "S": "surprise",
    "T": "sadness",
}
NAME = re.compile(r"(?P<actor>0[1-9]|1[0-2])-(?:(?P<emotion>[CDJPST])-[12]|N(?:-[12])?)-[1-6]")
LAYOUT = "files like Colère/Fort/01-C-2-1.wav and Neutre/01-N-1.wav (actor, emotion, intensity, sentence), as at 48 kHz"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus. Names say everything, so folders may be called as archivers left their accents.

    Raises:
        CorpusError: no recordings, or a name with another form, actor or emotion.
    """
    utterances = []
    for path in required_audio(folder, LAYOUT, recursive=True):
        match = NAME.fullmatch(path.stem)
        if match is None:
            raise CorpusError(f"{path.parent}: {path.name} is not a name of CaFE; expected {LAYOUT}")
        utterances.append(
            Utterance(
                path=path,
                corpus=CORPUS.name,
                speaker=f"{CORPUS.name}/{match['actor']}",
                language=CORPUS.language,
                label=EMOTIONS[match["emotion"] or "N"],
                gender="male" if int(match["actor"]) % 2 else "female",
            )
        )
    return utterances


CORPUS = Corpus(
    name="cafe",
    folder="cafe",
    layout=LAYOUT,
    language="fr",
    licence="CC-BY-NC-SA-4.0",
    shippable="research only",
    citation="Gournay, Lahaie and Lefebvre, A Canadian French emotional speech dataset, ACM MMSys 2018",
    read=read,
)
