"""Where the corpora are."""

from __future__ import annotations

import os
from pathlib import Path

from edge_app.errors import CorpusError

VARIABLE = "EDGE_SER_DATA"
BESIDE_CHECKOUT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def data_root(root: str | Path | None = None) -> Path:
    """The folder that holds the corpora.

    Args:
        root: the folder, if it was named; else the environment variable ``EDGE_SER_DATA`` is asked, then the folder
            ``shared/data`` beside the checkout.

    Raises:
        CorpusError: there is no such folder.
    """
    chosen = os.environ.get(VARIABLE)
    if root is not None:
        folder, origin = Path(root), "--root"
    elif chosen:
        folder, origin = Path(chosen), VARIABLE
    elif BESIDE_CHECKOUT.is_dir():
        return BESIDE_CHECKOUT
    else:
        raise CorpusError(f"no folder of corpora: give --root, or set {VARIABLE}, to the folder that contains them")
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; {origin} must be the folder that contains the corpora")
    return folder
