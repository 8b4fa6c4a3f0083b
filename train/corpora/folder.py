"""Any folder of recordings, without labels: for calibration and for learning without labels."""

from __future__ import annotations

from pathlib import Path

from train.corpora.layout import required_audio
from train.corpora.utterance import UNSTATED, Corpus, Utterance

LAYOUT = "audio files in folders of any depth"
UNKNOWN_LANGUAGE = "und"


def unlabelled_corpus(folder: Path) -> Corpus:
    """What can be known about a folder of recordings: its name, and nothing about who speaks or under which licence.

    All recordings count as one speaker's: no split can then put one person on both sides.
    """
    name = folder.resolve().name

    def read(base: Path) -> list[Utterance]:
        return [
            Utterance(path=path, corpus=name, speaker=f"{name}/unnamed", language=UNKNOWN_LANGUAGE)
            for path in required_audio(base, LAYOUT, recursive=True)
        ]

    return Corpus(
        name=name,
        folder=str(folder),
        layout=LAYOUT,
        language=UNKNOWN_LANGUAGE,
        licence=UNSTATED,
        shippable="research only",
        citation="",
        read=read,
    )
