"""Looking for audio files in a corpus's folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge_app.errors import CorpusError

SUFFIXES = (".wav", ".flac", ".opus")


def is_audio(path: Path) -> bool:
    """Whether a file is a recording by its name; hidden files (macOS leaves ``._x.wav`` in archives) are not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def audio_files(folder: Path, *, recursive: bool = False) -> list[Path]:
    """The recordings in a folder, sorted by path.

    Raises:
        CorpusError: a recording is there twice, with two suffixes.
    """
    entries: Iterable[Path] = folder.rglob("*") if recursive else folder.iterdir()
    files = sorted(path for path in entries if is_audio(path))
    by_stem: dict[Path, Path] = {}
    for path in files:
        other = by_stem.setdefault(path.with_suffix(""), path)
        if other is not path:
            raise CorpusError(f"{folder}: {other.name} and {path.name} are the same recording twice; keep one of them")
    return files


def required_audio(folder: Path, layout: str, *, recursive: bool = False) -> list[Path]:
    """As :func:`audio_files`.

    Raises:
        CorpusError: there is none, or one is there twice.
    """
    files = audio_files(folder, recursive=recursive) if folder.is_dir() else []
    if not files:
        raise CorpusError(f"{folder}: no {', '.join(SUFFIXES)} files; expected {layout}")
    return files
