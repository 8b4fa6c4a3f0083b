"""How a corpus is cut into training and test: by speakers, so that nobody is on both sides.

``emobox`` is the exception: the EmoBox benchmark's five folds of EMO-DB put every speaker on both sides. It is kept
for comparison with published figures and marked wherever its results are shown.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from edge_app.errors import ConfigurationError, CorpusError
from train.corpora import Utterance

EMOBOX_FOLDER = "emobox-folds"


@dataclass(frozen=True, slots=True)
class Fold:
    """One split.

    Attributes:
        name: the speaker or fold that is tested.
        train: numbers of the training utterances.
        test: numbers of the test utterances.
    """

    name: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def folds(protocol: str, utterances: Sequence[Utterance], root: Path) -> Iterator[Fold]:
    """Cut a corpus.

    Args:
        protocol: ``loso`` (leave one speaker out), ``group-k`` with k a number (k groups of speakers), ``loco`` (leave
            one corpus out), or ``emobox``.
        utterances: of one corpus or several, in a fixed order.
        root: where the corpora are; ``emobox`` reads its folds there.

    Raises:
        ConfigurationError: there is no such protocol.
        CorpusError: a split has a speaker on both sides, or too few speakers.
    """
    speakers = np.array([utterance.speaker for utterance in utterances])
    corpora = np.array([utterance.corpus for utterance in utterances])
    if protocol == "emobox":
        yield from _emobox(utterances, root)
        return
    names = sorted(set(speakers))
    if len(names) < 2:
        raise CorpusError(f"{utterances[0].corpus}: has {len(names)} speaker(s); a split by speakers needs two or more")
    if protocol == "loso":
        cuts = [(name, np.flatnonzero(speakers == name)) for name in names]
    elif protocol == "loco":
        if len(set(corpora)) < 2:
            raise ConfigurationError("--protocol loco: needs two corpora or more; repeat --corpus")
        cuts = [(name, np.flatnonzero(corpora == name)) for name in sorted(set(corpora))]
    elif protocol.startswith("group-") and protocol.removeprefix("group-").isdigit():
        count = int(protocol.removeprefix("group-"))
        if not 2 <= count <= len(names):
            raise ConfigurationError(f"--protocol {protocol}: choose between 2 and {len(names)} groups (speakers)")
        splits = GroupKFold(count).split(speakers, groups=speakers)
        cuts = [(f"group {number}", test) for number, (_, test) in enumerate(splits, start=1)]
    else:
        raise ConfigurationError(f"no protocol {protocol!r}; choose loso, loco, emobox or group-K (K a number)")
    for name, test in cuts:
        fold = Fold(name, np.setdiff1d(np.arange(len(utterances)), test), test)
        check_disjoint(fold, utterances)
        yield fold


def check_disjoint(fold: Fold, utterances: Sequence[Utterance]) -> None:
    """Refuse a split in which a speaker is on both sides.

    Raises:
        CorpusError: naming the speakers.
    """
    shared = {utterances[n].speaker for n in fold.train} & {utterances[n].speaker for n in fold.test}
    if shared:
        raise CorpusError(f"fold {fold.name}: speakers on both sides: {', '.join(sorted(shared))}; split by speaker")


def _emobox(utterances: Sequence[Utterance], root: Path) -> Iterator[Fold]:
    corpus = utterances[0].corpus
    path = root / EMOBOX_FOLDER / f"{corpus}.csv"
    if not path.is_file():
        raise CorpusError(f"{path}: EmoBox's folds of {corpus} are not there; --protocol loso needs no such file")
    with path.open(encoding="utf-8", newline="") as file:
        assigned = {row["file_stem"]: row["test_fold"] for row in csv.DictReader(file)}
    found = np.array([assigned.get(utterance.path.stem, "") for utterance in utterances])
    if not np.any(found != ""):
        raise CorpusError(f"{path}: names none of the files of {corpus}")
    listed = np.flatnonzero(found != "")
    for name in sorted(set(found[listed])):
        test = np.flatnonzero(found == name)
        yield Fold(f"emobox {name}", np.setdiff1d(listed, test), test)


def split_validation(
    utterances: Sequence[Utterance], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep some speakers of each corpus for validation, at least one where there are two, drawn by the seed.

    Returns:
        Numbers of the training utterances and of the validation utterances.
    """
    rng = np.random.default_rng((seed, 1))
    chosen: set[str] = set()
    for corpus in sorted({utterance.corpus for utterance in utterances}):
        speakers = sorted({utterance.speaker for utterance in utterances if utterance.corpus == corpus})
        if len(speakers) > 1:
            count = max(1, round(share * len(speakers)))
            chosen.update(rng.choice(speakers, size=count, replace=False).tolist())
    inside = np.array([utterance.speaker in chosen for utterance in utterances])
    return np.flatnonzero(~inside), np.flatnonzero(inside)
