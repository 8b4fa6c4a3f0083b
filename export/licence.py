"""The licence of the weights: the strictest that a training corpus asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_app.errors import CorpusError
from train.corpora.utterance import UNSTATED

ANY_USE = "Apache-2.0"
NON_COMMERCIAL = "CC BY-NC-SA 4.0"
RESEARCH_ONLY = "research only, not to be distributed"


def licence_of(corpora: Mapping[str, Mapping[str, Any]], *, research_only: bool = False) -> str:
    """The licence under which a model may be passed on.

    Args:
        corpora: what it was trained on, each with ``licence`` and ``shippable`` as in :class:`train.corpora.Corpus`.
        research_only: whether a model that may not be passed on is wanted all the same.

    Raises:
        CorpusError: a corpus allows research only, and that was not asked for.
    """
    kinds = {name: str(corpus["shippable"]) for name, corpus in corpora.items()}
    closed = sorted(name for name, kind in kinds.items() if kind not in ("any use", "non-commercial"))
    if closed and not research_only:
        silent = [name for name in closed if UNSTATED in str(corpora[name]["licence"])]
        unknown = f" (the licence of {', '.join(silent)} is not stated, which is taken as that)" if silent else ""
        state = (
            "state a licence (a manifest in its column of that name, a folder in the first line of a file LICENCE) and "
            "train again, "
            if silent
            else ""
        )
        raise CorpusError(
            f"trained on {', '.join(closed)}, which allow research only{unknown}: such a bundle may not be passed on; "
            f"{state}train without them, or add --research-only to mark it so"
        )
    if closed or research_only:
        return RESEARCH_ONLY
    return NON_COMMERCIAL if "non-commercial" in kinds.values() else ANY_USE
