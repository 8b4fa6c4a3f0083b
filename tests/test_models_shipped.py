"""What ships: every bundle in ``models/`` is whole, small, and says what it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.bundle import CARD, DEFAULT_MODEL, load_bundle
from edge_app.verify import verify_bundle

FOLDERS = sorted(path.parent for path in (Path(__file__).parent.parent / "models").glob("*/bundle.json"))
LATENT = ("linear-egemaps", "dae-metric-act", "dae-metric-val", "vae-cluster")
SMALLEST = [name + suffix for name in LATENT for suffix in ("", "-nc")]
LADDERS = ("dln-egemaps", "dln-egemaps-nc")
MOST_PARAMETERS = {
    "chunk-cnn": 150_000,
    "deep-emo-cluster": 300_000,
    "joint": 300_000,
    "joint-seven": 300_000,
    "linear-seven": 6_300,
    "cpc-attention": 400_000,
    **dict.fromkeys(LADDERS, 12_000),
    **dict.fromkeys(SMALLEST, 399),
}
MOST_BYTES = {
    "chunk-cnn": 300_000,
    "deep-emo-cluster": 400_000,
    "joint": 300_000,
    "joint-seven": 300_000,
    "linear-seven": 10_000,
    "cpc-attention": 1_000_000,
    **dict.fromkeys(LADDERS, 20_000),
    **dict.fromkeys(SMALLEST, 10_000),
}

shipped = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@pytest.mark.skipif(not FOLDERS, reason="no bundle has been exported into models/ yet")
def test_the_default_model_ships():
    assert DEFAULT_MODEL in [folder.name for folder in FOLDERS]


@shipped
def test_a_shipped_bundle_verifies(folder):
    bundle = load_bundle(folder)
    assert bundle.name == folder.name
    report = verify_bundle(bundle)
    assert {check.variant for check in report.variants} == set(bundle.variants)
    assert set(report.files) | {"bundle.json"} == {path.name for path in folder.iterdir()}


@shipped
def test_a_shipped_bundle_is_small(folder):
    bundle = load_bundle(folder)
    assert bundle.parameters <= MOST_PARAMETERS[folder.name]
    assert min(variant.bytes for variant in bundle.variants.values()) <= MOST_BYTES[folder.name]


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f.name in SMALLEST], ids=lambda folder: folder.name)
def test_the_smallest_hold_fewer_than_four_hundred_numbers_in_every_file(folder):
    numbers = pytest.importorskip("export.numbers")
    bundle = load_bundle(folder)
    assert bundle.feature_kind == "egemaps"
    for name, variant in bundle.variants.items():
        found = numbers.numbers_in(folder / variant.file)
        assert found["graph"] < 400
        assert found == bundle.manifest["numbers"][name]
        assert variant.bytes <= 10_000
    assert numbers.numbers_in(folder / bundle.variants["fp32"].file)["scales"] == 0
    assert f"holds {2 * len(bundle.baseline.mean)}." in (folder / CARD).read_text(encoding="utf-8")
    assert set(bundle.corpora) == ({"emodb", "ravdess", "nemo"} if folder.name.endswith("-nc") else {"emodb"})
    assert bundle.licence == ("CC BY-NC-SA 4.0" if folder.name.endswith("-nc") else "Apache-2.0")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 150_000  # most of it the picture of its curves


@shipped
def test_a_shipped_bundle_may_be_passed_on_and_says_how(folder):
    bundle = load_bundle(folder)
    assert bundle.manifest["research_only"] is False
    card = (folder / CARD).read_text(encoding="utf-8")
    assert f"Weights: {bundle.licence}." in card
    for corpus, licence in bundle.corpora.items():
        assert f"| {corpus} |" in card and licence in card


@shipped
def test_a_shipped_bundle_reached_parity(folder):
    bundle = load_bundle(folder)
    parity = bundle.manifest["parity"]
    assert parity["fp32"]["logits"] <= 1e-4 and parity["fp32"]["agreement"] == 1
    # Its latent has nearly collapsed, and 8 bits of it say something else too often.
    assert set(bundle.variants) == ({"fp32"} if folder.name == "vae-cluster-nc" else {"fp32", "int8"})
    assert all(parity[variant]["agreement"] >= 0.97 for variant in bundle.variants)
