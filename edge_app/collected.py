"""Collected features on disk: what a model heard at a place, as numbers, without audio and without labels.

A file is a ZIP archive. Its first member, ``about.json``, says in plain text what it is; the others are arrays as numpy
writes them. Only the owner may read it. ``edge-ser adapt`` learns from it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.core.types import Floats
from edge_app.errors import CollectionError, OutputError

TYPE = "edge-ser collected features"
SCHEMA = 1
MARK = (
    "Features of the speech at a place, windows in random order, for adapting a model. Holds no audio and no words. "
    "They tell about voices all the same: treat this file as personal data."
)
ABOUT = "about.json"
ARRAYS = ("values", "speech", "snr")
MEGABYTE = 1_000_000
OVERHEAD = 8_000
"""Bytes for all but the numbers: what the file says about itself, and the archive's own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where features come from.

    Attributes:
        place: what the place is called.
        model: name of the bundle whose features they are.
        kind: of the features.
        digest: digest of the feature spec.
        window: samples in a window.
        hop: samples between the ends of two windows.
        began: day on which collecting began, ISO 8601.
        ended: day on which it ended.
        source: ``microphone``, ``recording`` or ``stdin``.
        rate: sampling rate of the device or the recording in hertz, before anything was resampled to 16 kHz.
        seconds: seconds of audio that were heard.
        speech_seconds: seconds of speech in the windows that were kept, each counted once.
        everything: windows without speech were kept, too.
        consent: how the wearer agreed: ``asked`` at a terminal, or ``option`` on the command line.
    """

    place: str
    model: str
    kind: str
    digest: str
    window: int
    hop: int
    began: str
    ended: str
    source: str
    rate: int
    seconds: float
    speech_seconds: float
    everything: bool
    consent: str


@dataclass(frozen=True, slots=True)
class CollectedFeatures:
    """The windows of a place.

    Attributes:
        origin: where they come from.
        values: functionals before any baseline, float32, shape (windows, functionals).
        speech: fraction of each window that is speech, float32, shape (windows,).
        snr: signal-to-noise ratio around the end of each in decibels, float32, shape (windows,); NaN where unknown.
    """

    origin: Origin
    values: Floats
    speech: Floats
    snr: Floats


def capacity(functionals: int, megabytes: float) -> int:
    """How many windows of so many functionals fit into a file of a size."""
    row = np.dtype(np.float32).itemsize * (functionals + len(ARRAYS) - 1)
    return max(0, int(megabytes * MEGABYTE - OVERHEAD) // row)


def write_collected(path: Path, collected: CollectedFeatures) -> None:
    """Store collected features, whole or not at all; only their owner may read them. An older file gives way.

    Raises:
        OutputError: they cannot be written.
    """
    about = {"type": TYPE, "schema": SCHEMA, "mark": MARK, "audio": False, **asdict(collected.origin)}
    draft = _draft(path)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                with archive.open(ABOUT, "w") as member:  # not writestr, which tells the time of day
                    member.write((json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode())
                for name in ARRAYS:
                    with archive.open(f"{name}.npy", "w") as member:
                        np.lib.format.write_array(member, getattr(collected, name), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise OutputError(f"{path}: {_reason(error)}; nothing was stored, choose another --output") from None


def refuse_unwritable(path: Path, megabytes: float, *, replace: bool = False) -> None:
    """Make sure that features can be stored, before anybody speaks for minutes.

    Args:
        path: the file.
        megabytes: that it may take.
        replace: a file of collected features that is there gives way.

    Raises:
        OutputError: the folder is missing or cannot be written, or the disk is too full.
        CollectionError: a file is there already, and may not or must not be replaced.
    """
    if path.exists():
        if not replace:
            raise CollectionError(f"{path}: is there already; --force replaces it, or choose another --output")
        read_collected(path)  # nothing but an older collection is ever replaced
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; choose another --output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: cannot be written; choose another --output")
    free = shutil.disk_usage(folder).free
    if free < megabytes * MEGABYTE:
        raise OutputError(
            f"{folder}: {free / MEGABYTE:.1f} MB are free on this disk, up to {megabytes:g} MB are to be stored; make "
            "room, or lower --max-mb"
        )


def read_collected(path: Path) -> CollectedFeatures:
    """Read a file of collected features.

    Raises:
        CollectionError: it is missing, something else, or not the whole of one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(ABOUT))
            if not isinstance(about, dict) or about.get("type") != TYPE:
                raise CollectionError(f"{path}: not collected features; 'edge-ser collect' makes them")
            if about.get("schema") != SCHEMA:
                raise CollectionError(
                    f"{path}: schema {about.get('schema')!r}, this version reads {SCHEMA}; update edge-ser or collect "
                    "again"
                )
            values, speech, snr = (_read_array(archive, name) for name in ARRAYS)
            origin = _origin(about)
    except OSError as error:
        raise CollectionError(f"{path}: {_reason(error)}; collect again or give another file") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, RuntimeError, NotImplementedError):
        raise CollectionError(f"{path}: not collected features, or a damaged file; collect again") from None
    whole = values.ndim == 2 and speech.shape == snr.shape == (len(values),) and bool(np.isfinite(values).all())
    if not whole or not bool(((speech >= 0) & (speech <= 1)).all()):
        raise CollectionError(f"{path}: damaged, its numbers do not fit together; collect again")
    return CollectedFeatures(origin, values, speech, snr)


def facts(collected: CollectedFeatures) -> list[tuple[str, str]]:
    """Headings and texts about collected features."""
    origin = collected.origin
    days = origin.began if origin.began == origin.ended else f"{origin.began} to {origin.ended}"
    return [
        ("holds", "features of speech, no audio"),
        ("place", origin.place),
        ("date", days),
        ("features", f"{origin.kind} of {origin.model}, before any baseline, digest {origin.digest[:12]}"),
        (
            "windows",
            f"{len(collected.values)} of {origin.window / 16000:g} s, {origin.hop / 16000:g} s apart, in random order, "
            + ("with or without speech" if origin.everything else "with speech"),
        ),
        ("speech", f"{origin.speech_seconds:.1f} s in {origin.seconds:.1f} s of audio"),
        ("noise", _noise(collected.snr)),
        ("source", f"{origin.source}, {origin.rate} Hz"),
        ("consent", {"asked": "given at a terminal", "option": "given with --yes"}.get(origin.consent, origin.consent)),
    ]


def _noise(snr: Floats) -> str:
    known = snr[~np.isnan(snr)]
    if len(known) == 0:
        return "signal-to-noise ratio not known"
    low, middle, high = np.percentile(known, (10, 50, 90))
    return f"signal-to-noise ratio {middle:.0f} dB, in most windows {low:.0f} to {high:.0f} dB"


def _read_array(archive: zipfile.ZipFile, name: str) -> Floats:
    with archive.open(f"{name}.npy") as member:
        found = np.lib.format.read_array(member, allow_pickle=False)
    if found.dtype != np.float32:
        raise ValueError(f"{name} is {found.dtype}")
    return np.asarray(found, dtype=np.float32)


def _origin(about: dict[str, Any]) -> Origin:
    values = {field.name: about[field.name] for field in fields(Origin)}
    for name, kinds in _KINDS.items():
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):
            raise TypeError(name)
    if not (math.isfinite(values["seconds"]) and math.isfinite(values["speech_seconds"]) and values["window"] > 0):
        raise ValueError("durations that no speech can have")
    return Origin(**values)


_TEXTS: Sequence[str] = ("place", "model", "kind", "digest", "began", "ended", "source", "consent")
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(("window", "hop", "rate"), (int,)),
    **dict.fromkeys(("seconds", "speech_seconds"), (int, float)),
}


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
