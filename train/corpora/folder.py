"""Any folder of recordings, without labels: for calibration and for learning without labels.

Its licence is the first line of a file ``LICENCE`` in it, one of :data:`~train.corpora.manifest.LICENCES` where a model
that learnt from it is to be passed on.
"""

from __future__ import annotations

from pathlib import Path

from train.corpora.layout import required_audio
from train.corpora.manifest import LICENCES
from train.corpora.utterance import UNSTATED, Corpus, Utterance

LAYOUT = "audio files in folders of any depth"
UNKNOWN_LANGUAGE = "und"
STATED = "LICENCE"
"""Name of the file that states the licence."""


def unlabelled_corpus(folder: Path) -> Corpus:
    """What can be known about a folder of recordings: its name, its licence where it is stated, not who speaks.

    All recordings count as one speaker's: no split can then put one person on both sides.
    """
    name, licence = folder.resolve().name, _licence(folder)

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
        licence=licence,
        shippable=LICENCES.get(licence, "research only"),
        citation="",
        read=read,
    )


def _licence(folder: Path) -> str:
    try:
        lines = (folder / STATED).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return UNSTATED
    return lines[0].strip() or UNSTATED if lines else UNSTATED
