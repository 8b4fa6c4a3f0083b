"""A cross-validation's temperature and threshold go into a bundle, with the curve that they come from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_app.bundle import load_bundle, sha256
from edge_app.errors import ConfigurationError
from edge_app.runtime.onnx import LOGITS, OnnxPredictor
from edge_app.verify import verify_bundle
from export.bundle import ExportSettings, export_bundle
from export.graph import torch_outputs
from export.trust import read_trust
from train.trust import trust


def crossvalidation(folder, rng, **changes):
    truth = rng.integers(4, size=400)
    probabilities = rng.dirichlet(np.ones(4) * 0.2, size=400)
    probabilities[np.arange(400), truth] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = {
        "config": {"name": "small"}, "protocol": "loco", "corpora": ["one", "other"], "n": 400,
        "trust": trust(probabilities, truth, np.arange(400) % 2, ["one", "other"]),
    }  # fmt: skip
    path = folder / "crossval.json"
    path.write_text(json.dumps(found | changes), encoding="utf-8")
    return path, found["trust"]


def test_the_bundle_is_softened_and_says_what_its_confidence_is_worth(small_run, tmp_path, rng):
    path, found = crossvalidation(tmp_path, rng)
    before = torch_outputs(small_run.net, small_run.validation)[LOGITS]
    export_bundle(small_run, tmp_path / "small", ExportSettings(name="small", quantise=False, trust=path))
    bundle = load_bundle(tmp_path / "small")
    after = OnnxPredictor(bundle.variant_path("fp32")[1]).run(small_run.validation)[LOGITS]
    np.testing.assert_allclose(after, before / found["temperature"], atol=1e-4)
    np.testing.assert_array_equal(torch_outputs(small_run.net, small_run.validation)[LOGITS], before)
    assert bundle.min_confidence == found["threshold"]
    card = " ".join((bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8").split())
    assert "Cross-validated on one, other (leave one corpus out, 400 utterances" in card
    assert f"expected calibration error {found['ece']:.3f}" in card
    assert f"Below a confidence of {found['threshold']:.2f} an estimate is `uncertain`" in card
    assert (bundle.path / "risk.png").read_bytes().startswith(b"\x89PNG")
    assert bundle.manifest["files"]["risk.png"] == sha256(bundle.path / "risk.png")
    assert "risk.png" in verify_bundle(bundle).files


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"name": "large"}}, "a cross-validation of large, but small is exported"),
        ({"trust": None}, "not a cross-validation of several folds"),
        ({"trust": {"temperature": -1.0, "threshold": 0.5}}, "a temperature or threshold that none can be"),
        ({"n": "many"}, "not a cross-validation"),
    ],
)
def test_other_files_are_refused(tmp_path, rng, changes, message):
    path, _ = crossvalidation(tmp_path, rng, **changes)
    with pytest.raises(ConfigurationError, match=message):
        read_trust(path, "small")


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ConfigurationError, match="give a file of edge-ser crossval --json"):
        read_trust(tmp_path / "a.json", "small")
