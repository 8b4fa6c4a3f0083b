"""The licence of the weights: the strictest that a training corpus asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_app.errors import CorpusError

ANY_USE = "Apache-2.0"
NON_COMMERCIAL = "CC BY-NC-SA 4.0"
RESEARCH_ONLY = "research only, not to be distributed"


def licence_of(corpora: Mapping[str, Mapping[str, Any]], *, research_only: bool = False) -> str:
    """The licence under which a model may be passed on.

    Args:
        corpora: what it was trained on, each with ``shippable`` as in :class:`train.corpora.Corpus`.
        research_only: whether a model that may not be passed on is wanted all the same.

    Raises:
        CorpusError: a corpus allows research only, and that was not asked for.
    """
    kinds = {name: str(corpus["shippable"]) for name, corpus in corpora.items()}
    closed = sorted(name for name, kind in kinds.items() if kind not in ("any use", "non-commercial"))
    if closed and not research_only:
        raise CorpusError(
            f"trained on {', '.join(closed)}, which allow research only: such a bundle may not be passed on; "
            "train without them, or add --research-only to mark it so"
        )
    if closed or research_only:
        return RESEARCH_ONLY
    return NON_COMMERCIAL if "non-commercial" in kinds.values() else ANY_USE
