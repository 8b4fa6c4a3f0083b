from __future__ import annotations

import dataclasses

import pytest

from edge_app.core.features import EXTRACTORS, FeatureSpec, LogMel, make_extractor
from edge_app.errors import FeatureMismatch


@pytest.mark.parametrize("kind", sorted(EXTRACTORS))
def test_an_extractor_is_rebuilt_from_its_own_spec(kind):
    spec = EXTRACTORS[kind]().spec
    assert spec.kind == kind
    assert make_extractor(kind, dict(spec.parameters), spec.digest).spec == spec


def test_digest_is_that_of_published_bundles():
    assert LogMel().spec.digest.startswith("1d9adf80a7e7")


def test_digest_follows_values_not_order():
    one = FeatureSpec("logmel", {"bands": 64, "low": 0.0})
    other = FeatureSpec("logmel", {"low": 0.0, "bands": 64})
    assert one.digest == other.digest
    assert one.digest != FeatureSpec("logmel", {"bands": 40, "low": 0.0}).digest
    assert one.digest != FeatureSpec("other", {"bands": 64, "low": 0.0}).digest


def test_a_spec_cannot_be_changed():
    spec = LogMel().spec
    with pytest.raises(TypeError):
        spec.parameters["bands"] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.kind = "other"


@pytest.mark.parametrize(
    ("kind", "parameters", "digest", "words"),
    [
        ("gammatone", {}, None, ["gammatone", "logmel", "update edge-ser"]),
        ("logmel", {"bandz": 3}, None, ["bandz"]),
        ("logmel", {"bands": 64}, "0" * 64, ["feature digest differs", "000000000000", "export it again"]),
    ],
)
def test_features_this_version_does_not_compute_are_refused(kind, parameters, digest, words):
    with pytest.raises(FeatureMismatch) as caught:
        make_extractor(kind, parameters, digest)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
