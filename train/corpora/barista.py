"""Barista: English commands to a coffee machine, without emotion labels, far and near microphones."""

from __future__ import annotations

from pathlib import Path

from train.corpora.layout import required_audio
from train.corpora.utterance import Corpus, Utterance

LAYOUT = "audio files in folders of any depth"


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus.

    The release does not say who speaks, so all recordings count as one speaker's: no split can then put one person
    on both sides.

    Raises:
        CorpusError: no recordings.
    """
    return [
        Utterance(path=path, corpus=CORPUS.name, speaker=f"{CORPUS.name}/unnamed", language=CORPUS.language)
        for path in required_audio(folder, LAYOUT, recursive=True)
    ]


CORPUS = Corpus(
    name="barista",
    folder="unlabelled/barista",
    layout=LAYOUT,
    language="en",
    licence="Apache-2.0",
    shippable="any use",
    citation="Picovoice, speech-to-intent benchmark (Barista), 2020",
    read=read,
)
