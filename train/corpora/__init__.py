"""Corpora, one file each. To add one, write ``corpora/x.py`` with a ``CORPUS`` and register it in ``CORPORA``.

A corpus without a reader needs no code: describe it in a CSV file (:mod:`train.corpora.manifest`), or, where it has no
labels, give its folder (:mod:`train.corpora.folder`).
"""

from __future__ import annotations

from pathlib import Path

from edge_app.errors import CorpusError
from train.corpora import (
    aesdd,
    barista,
    cafe,
    emodb,
    iemocap,
    librispeech,
    msp_podcast,
    nemo,
    ravdess,
    savee,
    urdu,
)
from train.corpora.audio import read_utterance, utterance_length
from train.corpora.folder import unlabelled_corpus
from train.corpora.manifest import is_manifest, manifest_corpus
from train.corpora.utterance import Corpus, Utterance
from train.data import data_root

__all__ = ["CORPORA", "Corpus", "Utterance", "find_corpus", "read_corpus", "read_utterance", "utterance_length"]

CORPORA: dict[str, Corpus] = {
    "emodb": emodb.CORPUS,
    "ravdess": ravdess.CORPUS,
    "nemo": nemo.CORPUS,
    "urdu": urdu.CORPUS,
    "iemocap": iemocap.CORPUS,
    "msp-podcast": msp_podcast.CORPUS,
    "savee": savee.CORPUS,
    "cafe": cafe.CORPUS,
    "aesdd": aesdd.CORPUS,
    "librispeech": librispeech.CORPUS,
    "barista": barista.CORPUS,
}


def find_corpus(name: str) -> Corpus:
    """What is known about a corpus.

    Args:
        name: a key of ``CORPORA``, the path of a manifest (``.csv``), or that of a folder of unlabelled recordings.

    Raises:
        CorpusError: there is none of that name.
    """
    if is_manifest(name):
        return manifest_corpus(Path(name))
    if name in CORPORA:
        return CORPORA[name]
    path = Path(name)
    if path.is_dir():
        return unlabelled_corpus(path)
    if path.exists():
        raise CorpusError(f"{name}: neither a folder of recordings nor a manifest (.csv); give one of them")
    if path.name != name:
        raise CorpusError(f"{name}: no such folder; check the path of the recordings, or name a corpus")
    raise CorpusError(
        f"no corpus {name!r}, nor a folder of that name here; choose from {', '.join(CORPORA)}, or give the path of a "
        "manifest (.csv) or of a folder"
    )


def read_corpus(name: str, root: str | Path | None = None) -> list[Utterance]:
    """All utterances of a corpus, in the order of their paths or of the manifest's lines.

    Args:
        name: a key of ``CORPORA``, the path of a manifest (``.csv``), or that of a folder of unlabelled recordings.
        root: the folder that contains the corpora, or the folder of this corpus itself; None to look where
            :func:`train.data.data_root` does. A manifest or folder needs none.

    Raises:
        CorpusError: there is no such corpus, or its layout is not the published one.
    """
    corpus = find_corpus(name)
    if name not in CORPORA:
        return corpus.read(Path(name))
    base = data_root(root)
    folder = base / corpus.folder
    if folder.is_dir():
        return corpus.read(folder)
    try:
        return corpus.read(base)
    except CorpusError:
        raise CorpusError(
            f"{base}: no folder {corpus.folder}/ in it, nor is it the {name} corpus itself; expected {corpus.layout}"
        ) from None
