"""Bundles: what loads, and what is refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_app.bundle import find_bundle, list_bundles, load_bundle
from edge_app.errors import BundleError, ChecksumError, EdgeSerError, FeatureMismatch
from edge_app.verify import verify_bundle


@pytest.fixture
def bundle_folder(tiny_bundle, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "models" / "tiny"))


def change(folder: Path, **entries) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def drop(folder: Path, entry: str) -> None:
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    del manifest[entry]
    path.write_text(json.dumps(manifest))


def features(folder: Path, **entries) -> dict:
    return {**json.loads((folder / "bundle.json").read_text())["features"], **entries}


def golden(folder: Path, **entries) -> None:
    """Replace entries of the golden pair and its checksum; None removes one."""
    import hashlib

    with np.load(folder / "golden.npz") as stored:
        values = {**stored, **entries}
    np.savez_compressed(folder / "golden.npz", **{key: value for key, value in values.items() if value is not None})
    files = json.loads((folder / "bundle.json").read_text())["files"]
    digest = hashlib.sha256((folder / "golden.npz").read_bytes()).hexdigest()
    change(folder, files={**files, "golden.npz": digest})


def test_a_bundle_is_read_whole(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert (bundle.name, bundle.version) == ("tiny", "1")
    assert bundle.labels == ("neutral", "happiness", "sadness", "anger")
    assert bundle.dimensions == ("arousal", "valence", "dominance")
    assert (bundle.window.length, bundle.window.hop) == (16000, 4000)
    assert bundle.baseline.mean.shape == bundle.baseline.deviation.shape == (128,)
    assert bundle.baseline.mean.dtype == np.float32
    assert bundle.corpora == {"noise": "CC0"}


def test_a_bundle_from_before_there_were_wearers_uses_its_own_baseline(tiny_bundle):
    assert load_bundle(tiny_bundle).wearer.default == "none"


def test_a_bundle_says_how_it_takes_a_wearers_baseline(bundle_folder):
    wearer = {"default": "adaptive", "adaptive": {"prior": 90.0, "limit": 0.7}, "ordinary": [0.5] * 128}
    change(bundle_folder, wearer=wearer)
    found = load_bundle(bundle_folder).wearer
    assert (found.default, found.adaptive.prior, found.adaptive.limit) == ("adaptive", 90.0, 0.7)
    assert found.ordinary is not None and found.ordinary.tolist() == [0.5] * 128


def test_without_int8_the_variant_is_fp32(tiny_bundle):
    variant, path = load_bundle(tiny_bundle).variant_path()
    assert (variant, path.name) == ("fp32", "model.onnx")


def test_int8_is_preferred(bundle_folder):
    entry = json.loads((bundle_folder / "bundle.json").read_text())["variants"]["fp32"]
    change(bundle_folder, variants={"fp32": entry, "int8": entry})
    assert load_bundle(bundle_folder).variant_path()[0] == "int8"


def test_verify_says_what_it_checked(tiny_bundle):
    report = verify_bundle(load_bundle(tiny_bundle))
    assert set(report.files) == {"MODEL_CARD.md", "golden.npz", "model.onnx"}
    assert [check.variant for check in report.variants] == ["fp32"]
    assert report.variants[0].error <= report.variants[0].tolerance == 1e-3


# what is done to a bundle, the error, and words its one line must hold
DAMAGE = {
    "future schema": (lambda f: change(f, schema=2), BundleError, ["schema 2", "update edge-ser"]),
    "no schema": (lambda f: drop(f, "schema"), BundleError, ["schema None"]),
    "manifest cut short": (lambda f: (f / "bundle.json").write_text('{"schema": 1,'), BundleError, ["cannot be read"]),
    "manifest not UTF-8": (lambda f: (f / "bundle.json").write_bytes(b"\xff\xfe\x00"), BundleError, ["cannot be read"]),
    "manifest a list": (lambda f: (f / "bundle.json").write_text("[]"), BundleError, ["not a manifest"]),
    "no labels": (lambda f: drop(f, "labels"), BundleError, ["missing entry 'labels'", "export the bundle again"]),
    "no variants": (lambda f: change(f, variants={}), BundleError, ["no variants"]),
    "no checksums": (lambda f: drop(f, "files"), BundleError, ["no checksums"]),
    "model missing": (lambda f: (f / "model.onnx").unlink(), BundleError, ["model.onnx", "No such file"]),
    "card missing": (lambda f: (f / "MODEL_CARD.md").unlink(), BundleError, ["MODEL_CARD.md", "No such file"]),
    "golden missing": (lambda f: (f / "golden.npz").unlink(), BundleError, ["golden.npz", "No such file"]),
    "model changed": (lambda f: (f / "model.onnx").write_bytes(b"other"), ChecksumError, ["model.onnx", "checksum"]),
    "card changed": (lambda f: (f / "MODEL_CARD.md").write_text("other"), ChecksumError, ["MODEL_CARD.md", "checksum"]),
    "golden changed": (lambda f: (f / "golden.npz").write_bytes(b"other"), ChecksumError, ["golden.npz", "checksum"]),
    "a wearer it cannot take": (lambda f: change(f, wearer={"default": "me"}), BundleError, ["default baseline 'me'"]),
    "an impossible prior": (lambda f: change(f, wearer={"adaptive": {"prior": 0}}), BundleError, ["prior is 0"]),
    "ordinary speech of other features": (
        lambda f: change(f, wearer={"ordinary": [1.0]}), BundleError, ["1 numbers of ordinary speech"],
    ),
    "other features": (
        lambda f: change(f, features=features(f, digest="0" * 64)), FeatureMismatch, ["feature digest differs"],
    ),
    "unknown features": (lambda f: change(f, features=features(f, kind="mfcc")), FeatureMismatch, ["mfcc", "logmel"]),
    "other answers": (
        lambda f: golden(f, fp32_logits=np.full((1, 4), 9, np.float32)), BundleError, ["answers the golden audio"],
    ),
    "answers not finite": (
        lambda f: golden(f, fp32_logits=np.full((1, 4), np.nan, np.float32)), BundleError, ["answers the golden audio"],
    ),
    "no samples": (lambda f: golden(f, samples=None), BundleError, ["no 'samples'"]),
    "no answers": (lambda f: golden(f, fp32_logits=None), BundleError, ["fp32_logits"]),
    "answers of another shape": (
        lambda f: golden(f, fp32_logits=np.zeros((1, 5), np.float32)), BundleError, ["fp32_logits"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_one_clear_line(bundle_folder, damage):
    spoil, kind, words = DAMAGE[damage]
    spoil(bundle_folder)
    with pytest.raises(EdgeSerError) as caught:
        verify_bundle(load_bundle(bundle_folder))
    assert type(caught.value) is kind
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_golden_pair_that_is_no_archive_is_refused(bundle_folder):
    import hashlib

    (bundle_folder / "golden.npz").write_bytes(b"PK\x03\x04 cut short")
    files = json.loads((bundle_folder / "bundle.json").read_text())["files"]
    change(
        bundle_folder,
        files={**files, "golden.npz": hashlib.sha256((bundle_folder / "golden.npz").read_bytes()).hexdigest()},
    )
    with pytest.raises(BundleError, match=r"golden\.npz: cannot be read"):
        verify_bundle(load_bundle(bundle_folder))


def test_an_unknown_variant_names_those_there_are(tiny_bundle):
    with pytest.raises(BundleError, match="no variant 'int4'; it has fp32"):
        load_bundle(tiny_bundle).variant_path("int4")


def test_models_are_found_by_path_and_by_name(bundle_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGE_SER_MODELS", str(tmp_path / "models"))
    assert find_bundle(str(bundle_folder)) == bundle_folder
    assert find_bundle("tiny") == bundle_folder
    assert bundle_folder in list_bundles()


def test_default_is_the_default_model(bundle_folder, monkeypatch, tmp_path):
    bundle_folder.rename(tmp_path / "models" / "joint")
    monkeypatch.setenv("EDGE_SER_MODELS", str(tmp_path / "models"))
    assert load_bundle().path == tmp_path / "models" / "joint"
    assert load_bundle("default").name == "tiny"


def test_an_unknown_model_and_a_folder_that_is_none(tmp_path):
    with pytest.raises(BundleError, match="no model 'nosuch': give the path"):
        load_bundle("nosuch")
    with pytest.raises(BundleError, match=r"no bundle\.json in this folder"):
        load_bundle(tmp_path)
