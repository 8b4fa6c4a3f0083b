"""What every corpus is read into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Shippable: TypeAlias = Literal["any use", "non-commercial", "research only"]

UNSTATED = "not stated"
"""The licence of a corpus about which nobody said anything; it is taken as research only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One recording, or a stretch of one, with what is known about it.

    Attributes:
        path: the audio file.
        corpus: name of the corpus.
        speaker: who speaks, unique across corpora, such as ``emodb/03``.
        language: ISO 639-1 code, ``und`` where it is not known.
        label: one of :data:`edge_app.core.labels.LABELS`, or None where nobody labelled it.
        gender: ``male``, ``female``, ``other``, or None where it is not known.
        start: where it begins in the file, in seconds; None for the beginning.
        end: where it ends in the file, in seconds; None for the end.
        arousal: as rated by listeners, in [-1, 1]; None where nobody rated it. Never a mapped value.
        valence: as arousal.
        dominance: as arousal.
        split: the corpus's own name for the part it belongs to, or None.
    """

    path: Path
    corpus: str
    speaker: str
    language: str
    label: str | None = None
    gender: str | None = None
    start: float | None = None
    end: float | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus that this program reads.

    Attributes:
        name: what it is called on the command line, in configurations and in bundles.
        folder: its folder below the folder of corpora.
        layout: what that folder must hold, for error messages.
        language: ISO 639-1 code.
        licence: licence of the recordings.
        shippable: what a model trained on it may be used for.
        citation: what to cite.
        read: reads the folder; raises CorpusError where the layout is another one.
    """

    name: str
    folder: str
    layout: str
    language: str
    licence: str
    shippable: Shippable
    citation: str
    read: Callable[[Path], list[Utterance]]
