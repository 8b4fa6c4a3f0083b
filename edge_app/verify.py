"""Whether a bundle is whole, and answers on this machine what it answered where it was exported."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.bundle import CARD, GOLDEN, ModelBundle, check_file
from edge_app.core.baseline import Baseline
from edge_app.core.features import FrameExtractor
from edge_app.core.types import Floats
from edge_app.errors import BundleError
from edge_app.runtime.onnx import AFFECT, LOGITS, StatefulOnnxPredictor, open_predictor
from edge_app.runtime.state import StateSpec

TOLERANCES = {"fp32": 1e-3}
INTEGER_TOLERANCE = 0.15
"""Integer kernels round differently from one processor to the next; a wrong model is off by whole units."""

FULL_SCALE = 32768


@dataclass(frozen=True, slots=True)
class VariantCheck:
    """How a variant answered the golden audio.

    Attributes:
        variant: its name.
        error: largest absolute difference of its outputs from the stored ones.
        tolerance: how large it may be.
    """

    variant: str
    error: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """A bundle that passed.

    Attributes:
        name: the model.
        version: its version.
        files: names of the files whose checksums hold.
        variants: how each variant answered.
    """

    name: str
    version: str
    files: tuple[str, ...]
    variants: tuple[VariantCheck, ...]


def verify_bundle(bundle: ModelBundle) -> VerifyReport:
    """Check everything about a bundle that can be checked without a corpus.

    Checksums of all files; the digest of the features; and for every variant the way from the golden samples to the
    stored outputs: the same label, logits and dimensions within tolerance (1e-3 for fp32, 0.15 for the others).

    Raises:
        BundleError: a file is missing or damaged, or a variant answers differently.
        ChecksumError: a file is not the one the manifest describes.
        FeatureMismatch: this version computes other features.
    """
    extractor = bundle.make_extractor()
    listed = bundle.manifest.get("files")
    if not isinstance(listed, dict) or not {GOLDEN, CARD} <= set(listed):
        raise BundleError(f"{bundle.path}: bundle.json lists no checksums of {GOLDEN} and {CARD}; export it again")
    for name, expected in sorted(listed.items()):
        check_file(bundle.path / name, str(expected))
    paths = {variant: bundle.variant_path(variant)[1] for variant in bundle.variants}
    golden = _read_golden(bundle)
    if "samples" not in golden:
        raise BundleError(f"{bundle.path / GOLDEN}: no 'samples' in it; export the bundle again")
    features = golden_features(golden["samples"], extractor, bundle.baseline)
    checks = tuple(
        _check_variant(bundle, variant, golden_answers(path, bundle.state, features), golden)
        for variant, path in paths.items()
    )
    files = (*sorted(listed), *(entry.file for entry in bundle.variants.values()))
    return VerifyReport(bundle.name, bundle.version, files, checks)


def golden_features(samples: NDArray[np.int16], extractor: FrameExtractor, baseline: Baseline) -> Floats:
    """Standardised features of the golden samples as one window, shape (1, frames, dimension) or (1, functionals)."""
    extractor.reset()
    frames = extractor.feed(samples.astype(np.float32) / np.float32(FULL_SCALE))
    return baseline.standardise(extractor.summarise(frames, len(frames)))[None]


def golden_answers(path: Path, state: StateSpec | None, features: Floats) -> dict[str, Floats]:
    """What a model answers to the golden window: with a state, in two parts, so that the state is carried, too."""
    predictor = open_predictor(path, state)
    if isinstance(predictor, StatefulOnnxPredictor):
        half = features.shape[1] // 2
        predictor.run(features[:, :half])
        return predictor.run(features[:, half:])
    return predictor.run(features)


def _read_golden(bundle: ModelBundle) -> dict[str, NDArray[Any]]:
    path = bundle.path / GOLDEN
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy the bundle again") from None


def _check_variant(
    bundle: ModelBundle, variant: str, outputs: dict[str, Floats], golden: dict[str, NDArray[Any]]
) -> VariantCheck:
    tolerance = TOLERANCES.get(variant, INTEGER_TOLERANCE)
    names = (LOGITS, AFFECT) if bundle.dimensions else (LOGITS,)
    errors = []
    for name in names:
        key = f"{variant}_{name}"
        if key not in golden or golden[key].shape != outputs[name].shape:
            raise BundleError(f"{bundle.path / GOLDEN}: holds no fitting {key!r}; export the bundle again")
        errors.append(np.abs(outputs[name] - golden[key]).max())
    error = float(np.max(errors))  # NaN where one is, which no tolerance holds
    expected = golden[f"{variant}_{LOGITS}"].argmax()
    if not error <= tolerance or outputs[LOGITS].argmax() != expected:
        raise BundleError(
            f"{bundle.path}: variant {variant} answers the golden audio differently on this machine (largest error "
            f"{error:.2g}, at most {tolerance:g}; label {bundle.labels[outputs[LOGITS].argmax()]}, expected "
            f"{bundle.labels[int(expected)]}); use another variant, or export the bundle again"
        )
    return VariantCheck(variant, error, tolerance)
