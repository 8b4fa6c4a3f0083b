"""LibriSpeech: read English, without emotion labels; for calibration and for learning without labels."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

NAME = re.compile(r"(?P<speaker>\d+)-\d+-\d+")
LAYOUT = "files like 84-121123-0000.flac (speaker, chapter, utterance), in folders of any depth"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus, with the folders of the release or with all files of a part together.

    Raises:
        CorpusError: no recordings, or a name with another form.
    """
    utterances = []
    for path in required_audio(folder, LAYOUT, recursive=True):
        match = NAME.fullmatch(path.stem)
        if match is None:
            raise CorpusError(f"{path.parent}: {path.name} is not a name of LibriSpeech; expected {LAYOUT}")
        utterances.append(
            Utterance(
                path=path,
                corpus=CORPUS.name,
                speaker=f"{CORPUS.name}/{match['speaker']}",
                language=CORPUS.language,
                split=path.relative_to(folder).parts[0] if path.parent != folder else None,
            )
        )
    return utterances


CORPUS = Corpus(
    name="librispeech",
    folder="unlabelled/librispeech",
    layout=LAYOUT,
    language="en",
    licence="CC-BY-4.0",
    shippable="any use",
    citation="Panayotov, Chen, Povey and Khudanpur, LibriSpeech: an ASR corpus based on public domain audio books, "
    "ICASSP 2015",
    read=read,
)
