"""Model bundles: the only form in which a model reaches a device.

A bundle is a folder with

- ``bundle.json``: everything about the model, and the SHA-256 of every other file;
- ``model.onnx`` and its quantised variants;
- ``MODEL_CARD.md``;
- ``golden.npz``: one second of synthetic audio and what each variant answers to it, so that loading can verify the
  whole way from samples to scores on this very machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.core.baseline import Baseline
from edge_app.core.features import FrameExtractor, make_extractor
from edge_app.core.wearer import ADAPTIVE, ENROLLED, Shrinkage, WearerSettings
from edge_app.core.windows import WindowSpec
from edge_app.errors import BundleError, ChecksumError, ConfigurationError, FeatureMismatch
from edge_app.runtime.state import StateSpec, parse_state

SCHEMA = 1
MANIFEST = "bundle.json"
CARD = "MODEL_CARD.md"
GOLDEN = "golden.npz"
DEFAULT = "default"
DEFAULT_MODEL = "joint"
PREFERRED_VARIANTS = ("int8", "fp32")


@dataclass(frozen=True, slots=True)
class Variant:
    """One file of the model: its name in the bundle, size in bytes and SHA-256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A model bundle whose manifest has been read and checked.

    Attributes:
        path: the folder.
        name: name of the model.
        version: its version.
        labels: classes in the order of the outputs.
        dimensions: dimensions in the order of the outputs, empty where there are none.
        mapped: the dimensions were trained on values mapped from categories, not on ratings.
        feature_kind: key of ``EXTRACTORS``.
        feature_parameters: the extractor's arguments.
        feature_digest: digest of the features it was trained on.
        window: window length and default hop.
        baseline: statistics of its training features.
        wearer: how it takes a wearer's baseline.
        min_speech: fraction of a window that must be speech.
        min_confidence: probability below which an estimate is ``uncertain``.
        min_snr: signal-to-noise ratio in decibels below which it is, too; None for no such limit.
        variants: its files by variant name.
        parameters: number of trained numbers.
        corpora: what it was trained on, as name: licence.
        licence: licence of the weights.
        metrics: figures measured at export, as in the card.
        state: the tensors that its graph carries from hop to hop; None for a model that reads each window afresh.
        manifest: the whole of ``bundle.json``.
    """

    path: Path
    name: str
    version: str
    labels: tuple[str, ...]
    dimensions: tuple[str, ...]
    mapped: bool
    feature_kind: str
    feature_parameters: Mapping[str, Any]
    feature_digest: str
    window: WindowSpec
    baseline: Baseline
    wearer: WearerSettings
    min_speech: float
    min_confidence: float
    min_snr: float | None
    variants: Mapping[str, Variant]
    parameters: int
    corpora: Mapping[str, str]
    licence: str
    metrics: Mapping[str, Any]
    state: StateSpec | None
    manifest: Mapping[str, Any]

    def variant_path(self, variant: str | None = None) -> tuple[str, Path]:
        """Name and verified path of a variant; None takes the smallest there is, int8 before fp32.

        Raises:
            BundleError: the bundle has no such variant or its file is missing.
            ChecksumError: the file is not the one the manifest describes.
        """
        if variant is None:
            variant = next((name for name in PREFERRED_VARIANTS if name in self.variants), next(iter(self.variants)))
        if variant not in self.variants:
            raise BundleError(f"{self.path}: no variant {variant!r}; it has {', '.join(sorted(self.variants))}")
        entry = self.variants[variant]
        path = self.path / entry.file
        check_file(path, entry.sha256)
        return variant, path

    def make_extractor(self) -> FrameExtractor:
        """The extractor of this bundle's features.

        Raises:
            FeatureMismatch: this version computes other features than those it was trained on.
        """
        try:
            return make_extractor(self.feature_kind, dict(self.feature_parameters), self.feature_digest)
        except FeatureMismatch as error:
            raise FeatureMismatch(f"{self.path}: {error}") from None


def sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, expected: str) -> None:
    """Compare a file of a bundle with its checksum.

    Raises:
        BundleError: it is missing or cannot be read.
        ChecksumError: it differs.
    """
    try:
        found = sha256(path)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror or error}; copy the whole bundle folder again") from None
    if found != expected:
        raise ChecksumError(
            f"{path}: checksum differs (bundle.json says {expected[:12]}, the file has {found[:12]}); "
            "copy the bundle again"
        )


def model_folders() -> list[Path]:
    """Folders that hold bundles, in order of search: ``EDGE_SER_MODELS``, the package's own, the checkout's."""
    package = Path(__file__).parent
    folders = [package / "models", package.parent / "models"]
    if chosen := os.environ.get("EDGE_SER_MODELS"):
        folders.insert(0, Path(chosen))
    return [folder for folder in folders if folder.is_dir()]


def find_bundle(name: str) -> Path:
    """The folder of a bundle.

    Args:
        name: ``default``, the name of a shipped bundle, or the path of a bundle folder.

    Raises:
        BundleError: there is none.
    """
    wanted = DEFAULT_MODEL if name == DEFAULT else name
    candidates = [Path(wanted), *(folder / wanted for folder in model_folders())]
    for candidate in candidates:
        if (candidate / MANIFEST).is_file():
            return candidate
    if Path(wanted).is_dir():
        raise BundleError(f"{wanted}: no {MANIFEST} in this folder, so it is not a model bundle")
    known = ", ".join(path.name for path in list_bundles()) or "none"
    raise BundleError(f"no model {name!r}: give the path of a bundle folder or one of the shipped models ({known})")


def list_bundles() -> list[Path]:
    """Folders of all bundles that can be found by name, sorted by name."""
    found: dict[str, Path] = {}
    for folder in model_folders():
        for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
            found.setdefault(manifest.parent.name, manifest.parent)
    return [found[name] for name in sorted(found)]


def load_bundle(name: str | Path = DEFAULT) -> ModelBundle:
    """Read and check the manifest of a bundle. Model files are checked when a variant is taken.

    Args:
        name: ``default``, the name of a shipped bundle, or the path of a bundle folder.

    Raises:
        BundleError: it is missing, damaged, or of a schema this version does not read.
    """
    path = find_bundle(str(name))
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path / MANIFEST}: cannot be read ({error}); copy the bundle again") from None
    if not isinstance(manifest, dict):
        raise BundleError(f"{path / MANIFEST}: not a manifest; copy the bundle again")
    if manifest.get("schema") != SCHEMA:
        raise BundleError(
            f"{path / MANIFEST}: schema {manifest.get('schema')!r}, this version reads {SCHEMA}; update edge-ser"
        )
    try:
        return _parse(path, manifest)
    except (KeyError, TypeError, ValueError, ConfigurationError) as error:
        reason = f"missing entry {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{path / MANIFEST}: {reason}; export the bundle again") from None


def _parse(path: Path, manifest: dict[str, Any]) -> ModelBundle:
    features, window, baseline = manifest["features"], manifest["window"], manifest["baseline"]
    decision = manifest["decision"]
    variants = {name: Variant(**entry) for name, entry in manifest["variants"].items()}
    if not variants:
        raise ValueError("no variants")
    return ModelBundle(
        path=path,
        name=str(manifest["name"]),
        version=str(manifest["version"]),
        labels=tuple(manifest["labels"]),
        dimensions=tuple(manifest["dimensions"]),
        mapped=bool(manifest["mapped"]),
        feature_kind=features["kind"],
        feature_parameters=features["parameters"],
        feature_digest=features["digest"],
        window=WindowSpec(int(window["length"]), int(window["hop"])),
        baseline=Baseline(
            digest=features["digest"],
            count=int(baseline["count"]),
            mean=np.array(baseline["mean"], dtype=np.float32),
            deviation=np.array(baseline["deviation"], dtype=np.float32),
        ),
        wearer=_parse_wearer(manifest.get("wearer", {}), len(baseline["mean"])),
        min_speech=float(decision["min_speech"]),
        min_confidence=float(decision["min_confidence"]),
        min_snr=_parse_ratio(decision.get("min_snr_db")),
        variants=variants,
        parameters=int(manifest["parameters"]),
        corpora=dict(manifest["corpora"]),
        licence=str(manifest["licence"]),
        metrics=dict(manifest["metrics"]),
        state=parse_state(manifest["state"]) if "state" in manifest else None,
        manifest=manifest,
    )


def _parse_ratio(entry: Any) -> float | None:
    """The optional limit of the signal-to-noise ratio; bundles without noise curves have none."""
    if entry is None:
        return None
    ratio = float(entry)
    if not math.isfinite(ratio):
        raise ValueError(f"decision: min_snr_db is {ratio}, not a number of decibels")
    return ratio


def _parse_wearer(entry: dict[str, Any], size: int) -> WearerSettings:
    """The optional ``wearer`` of a manifest; bundles from before there was one use their own baseline only."""
    ordinary = entry.get("ordinary")
    if ordinary is not None and len(ordinary) != size:
        raise ValueError(f"wearer: {len(ordinary)} numbers of ordinary speech, {size} features")
    return WearerSettings(
        default=str(entry.get("default", "none")),
        adaptive=Shrinkage(**entry["adaptive"]) if "adaptive" in entry else ADAPTIVE,
        enrolled=Shrinkage(**entry["enrolled"]) if "enrolled" in entry else ENROLLED,
        ordinary=None if ordinary is None else np.array(ordinary, dtype=np.float32),
    )
