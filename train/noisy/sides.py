"""What training hears and what tests hear have no noise and no room in common."""

from __future__ import annotations

import re
import zlib
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["train", "test"]
SIDES: tuple[Side, ...] = ("train", "test")

TEST_FOLDS = ("4", "5")
"""Folds of ESC-10 that tests hear; clips that were cut from one recording share a fold."""

TRAIN_SHARE = 60
"""Per cent of the other sources that training hears."""

ESC_NAME = re.compile(r"([1-5])-\d+-[A-Z](-\d+)?")


def side_of_recording(stem: str) -> Side:
    """The side of a recording of noise: by its fold where its name is one of ESC's, else by a checksum of the name.

    Args:
        stem: the name of its file without suffix.
    """
    match = ESC_NAME.fullmatch(stem)
    if match is None:
        return _by_checksum(stem)
    return "test" if match[1] in TEST_FOLDS else "train"


def side_of_speaker(speaker: str, split: str | None) -> Side:
    """The side of somebody who speaks in noise, with all that they say.

    Args:
        speaker: who, unique across corpora.
        split: the part of the corpus that they are in: those whose names begin with ``test`` or ``dev``, as two of
            LibriSpeech's do, are for tests. Of all other people a checksum decides.
    """
    if split is not None and split.lower().startswith(("test", "dev")):
        return "test"
    return _by_checksum(speaker)


def _by_checksum(name: str) -> Side:
    # Neither the order of files nor how many there are may move a source to the other side.
    return "train" if zlib.crc32(name.encode("utf-8", "surrogateescape")) % 100 < TRAIN_SHARE else "test"
