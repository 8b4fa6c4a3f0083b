"""Files of weights that were cut off, or damaged otherwise, are told before anything reads them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edge_app.errors import ConfigurationError

CHECKPOINT_ADVICE = "remove the folder, or choose another --output, and train without --resume"


def whole(path: Path, advice: str = CHECKPOINT_ADVICE) -> Path:
    """The path of a file that torch wrote, which is an archive with a check sum of every part.

    Args:
        path: of the file.
        advice: what to do if it is not whole.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        damaged = str(error)
    if damaged is not None:
        raise ConfigurationError(f"{path}: cut off or damaged; {advice}")
    return path
