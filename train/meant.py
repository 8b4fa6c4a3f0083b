"""What Lightning warns of, and is meant so."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

MEANT = (
    # One process draws or reads the batches: that is cheap, stays the same on any number of cores, and can be resumed.
    ".*does not have many workers.*",
    ".*exists and is not empty.*",
    # Lightning's own use of torch's tree utilities.
    ".*LeafSpec.*",
)


@contextlib.contextmanager
def meant() -> Iterator[None]:
    """Leave these warnings out while a trainer fits."""
    with warnings.catch_warnings():
        for message in MEANT:
            warnings.filterwarnings("ignore", message)
        yield
