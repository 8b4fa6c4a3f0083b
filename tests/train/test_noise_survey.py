"""Bundles that share what they hear are measured as each would be alone."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from edge_app.bundle import load_bundle
from train.corpora import read_corpus
from train.evaluation import evaluate
from train.noise_curves import measure_curves
from train.noise_kinds import GaussianNoise
from train.noise_survey import survey
from train.scoring import BundleScorer


def test_a_survey_measures_each_bundle_as_alone(voices, monkeypatch):
    utterances = read_corpus(str(voices))[:10]
    bundles = [load_bundle(name) for name in ("linear-egemaps", "dae-metric-act", "chunk-cnn")]
    sources, ratios = [GaussianNoise("pink", 1.0)], (None, 5.0)
    heard = []
    own = BundleScorer.windows
    monkeypatch.setattr(
        BundleScorer, "windows", lambda scorer, samples: heard.append(scorer.bundle.name) or own(scorer, samples)
    )
    found = {bundle.name: report for bundle, report in survey(bundles, utterances, sources, ratios, ["webrtc"])}
    scored = [utterance for utterance in utterances if utterance.label in bundles[0].labels]
    assert heard == ["linear-egemaps"] * 2 * len(scored) + ["chunk-cnn"] * 2 * len(scored)
    for bundle in bundles:
        alone = measure_curves(
            lambda condition, bundle=bundle: evaluate(bundle, scored, noise=condition), sources, ratios, bundle.manifest
        )
        assert found[bundle.name]["curves"] == alone["curves"]
        assert found[bundle.name]["front"]["vad"]["webrtc"]["pink"][1]["snr_db"] == 5.0
