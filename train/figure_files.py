"""Files of figures that commands write and others read: whichever file is given, the message says what was wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class FigureFile:
    """A kind of file.

    Attributes:
        what: what it holds.
        command: what writes it.
        keys: entries that it has whatever was measured, and that others of these files lack.
    """

    what: str
    command: str
    keys: tuple[str, ...]

    def read(self, path: Path) -> dict[str, Any]:
        """The contents of such a file.

        Raises:
            ConfigurationError: it cannot be read, is no JSON, or is another kind of file.
        """
        with self.expected(path):
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise TypeError(f"a {type(found).__name__} where an object should be")
            for key in self.keys:
                found[key]
        return found

    @contextmanager
    def expected(self, path: Path) -> Iterator[None]:
        """Blame the file for entries that are not there, or not what they should be, while it is made sense of.

        Raises:
            ConfigurationError: instead of ``KeyError``, ``TypeError``, ``ValueError`` and ``OSError``.
        """
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{path}: not {self.what} ({_reason(error)}); give a file of {self.command}"
            ) from None


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {str(error.args[0])!r}"
    if isinstance(error, json.JSONDecodeError):
        return "it is no JSON"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)


EVALUATION = FigureFile(
    "the figures of a model", "edge-ser evaluate --json",
    ("model", "version", "corpus", "level", "variant", "n", "uar", "wa", "ccc", "interval", "trained_on_corpus"),
)  # fmt: skip
CURVES = FigureFile(
    "robustness curves", "edge-ser evaluate --noise --json, or edge-ser crossval --noise --curves",
    ("type", "model", "corpus", "variant", "labels", "chance", "trained_on_corpus", "curves"),
)  # fmt: skip
CROSS_VALIDATION = FigureFile(
    "a cross-validation", "edge-ser crossval --json",
    ("config", "corpora", "protocol", "also", "seed", "folds", "n", "uar", "wa", "ccc", "interval"),
)  # fmt: skip
TRUST = FigureFile(
    "a cross-validation of several folds", "edge-ser crossval --json", ("config", "protocol", "corpora", "n", "trust")
)
DAS = FigureFile(
    "a study of Das et al.", "edge-ser reproduce das",
    ("features", "normalisation", "training", "transfer", "epochs", "picture", "figures"),
)  # fmt: skip
DLN = FigureFile(
    "a study of Leem et al.", "edge-ser reproduce dln",
    ("features", "analysis", "digest", "roles", "means", "differences", "settings", "trials"),
)  # fmt: skip
CPC = FigureFile(
    "a study of Li et al.", "edge-ser reproduce cpc",
    ("corpora", "protocol", "steps", "batch", "pretraining", "picture", "silhouette", "settings", "figures"),
)  # fmt: skip
