"""Who trains, who is heard without labels, who is judged: speakers, as in the paper the same in all trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.corpora import Utterance

Role: TypeAlias = Literal["training", "unlabelled", "development", "test"]

SHARES: dict[Role, float] = {"test": 0.25, "unlabelled": 0.25, "development": 0.12}
"""Share of each corpus's speakers in each role, one of them at least; the others train."""


def thinned(utterances: Sequence[Utterance], most: int, seed: int) -> list[Utterance]:
    """At most so many utterances of each speaker, drawn by the seed, in their order; 0 for all."""
    if most == 0:
        return list(utterances)
    rng = np.random.default_rng(seed)
    speakers = np.array([utterance.speaker for utterance in utterances])
    kept = [rng.permutation(np.flatnonzero(speakers == name))[:most] for name in sorted(set(speakers))]
    return [utterances[number] for number in np.sort(np.concatenate(kept))]


def deal_roles(utterances: Sequence[Utterance], seed: int) -> dict[Role, NDArray[np.int64]]:
    """Numbers of the utterances of the speakers in each role, ascending.

    Args:
        utterances: of all corpora.
        seed: of the draw.

    Raises:
        CorpusError: a corpus has fewer speakers than there are roles.
    """
    rng = np.random.default_rng(seed)
    speakers = np.array([utterance.speaker for utterance in utterances])
    role_of: dict[str, Role] = {}
    for corpus in sorted({utterance.corpus for utterance in utterances}):
        names = rng.permutation(sorted({u.speaker for u in utterances if u.corpus == corpus})).tolist()
        if len(names) <= len(SHARES):
            raise CorpusError(
                f"{corpus}: {counted(len(names), 'speaker')}, too few to train, adapt, choose and test on others"
            )
        total = len(names)
        for role, share in SHARES.items():
            for _ in range(max(1, round(share * total))):
                role_of[names.pop()] = role
        role_of.update(dict.fromkeys(names, "training"))
    roles = np.array([role_of[name] for name in speakers])
    return {role: np.flatnonzero(roles == role) for role in ("training", *SHARES)}
