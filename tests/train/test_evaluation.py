"""A bundle on a small corpus of synthetic sounds, through the library and through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import edge_app.cli
from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.core.smoothing import SMOOTHING_OFF
from edge_app.core.types import AudioBlock
from edge_app.core.wearer import AdaptiveBaseline
from edge_app.errors import ConfigurationError, CorpusError, EdgeSerError, OutputError
from edge_app.pipeline import DecisionSettings, Pipeline, WindowStream
from edge_app.runtime.onnx import OnnxPredictor
from edge_app.vad.webrtc import WebRtcDetector
from train.corpora import read_corpus, read_utterance
from train.evaluation import NoiseCondition, evaluate
from train.noise import NoiseBank
from train.scoring import BundleScorer, WindowScores
from train.wearers import BaselineSetting, Wearers, later

LABELS = ("neutral", "happiness", "sadness", "anger", "fear", "")


def voice(rng: np.random.Generator, seconds: float = 1.6) -> np.ndarray:
    """A buzz with formants and syllables, which WebRTC takes for speech, between two short pauses."""
    rate = 16_000
    times = np.arange(round(seconds * rate)) / rate
    pitch = rng.uniform(100, 220) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * times))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    buzz = sum(np.sin(k * phase) / k * np.exp(-(((k * 150 - 600) / 900) ** 2)) for k in range(1, 25))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * times)
    pause = np.zeros(rate // 5)
    sound = np.concatenate((pause, 0.3 * syllables * buzz / np.abs(buzz).max(), pause))
    return sound + rng.normal(0, 1e-4, len(sound))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    """Three speakers, every label that matters and an unlabelled line; one silent recording of anger."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("corpus")
    lines = ["path,speaker,label,split"]
    for speaker in ("ann", "bob", "cem"):
        for label in LABELS:
            name = f"{speaker}-{label or 'none'}.wav"
            soundfile.write(folder / name, voice(rng), 16_000)
            lines.append(f"{name},{speaker},{label},{'test' if speaker == 'cem' else 'train'}")
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", voice(rng)[:300], 16_000)
    lines += ["silent.wav,ann,anger,train", "short.wav,ann,anger,train"]
    (folder / "synthetic.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / "synthetic.csv")


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("noise")
    soundfile.write(folder / "hiss.wav", np.random.default_rng(6).normal(0, 0.1, 48_000), 16_000)
    return folder


@pytest.fixture
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


def rated(manifest: str, tmp_path: Path) -> str:
    """The manifest with ratings of arousal on the lines without a label."""
    lines = Path(manifest).read_text(encoding="utf-8").splitlines()
    folder = Path(manifest).parent
    out = [lines[0] + ",arousal"]
    for number, line in enumerate(lines[1:]):
        out.append(f"{folder}/{line},{number / 100 if ',,' in line else ''}")
    path = tmp_path / "rated.csv"
    path.write_text("\n".join(out), encoding="utf-8")
    return str(path)


def test_scores_are_those_of_the_pipeline_without_smoothing(bundle, manifest):
    scorer = BundleScorer(bundle)
    _, path = bundle.variant_path()
    pipeline = Pipeline(
        WindowStream(bundle.make_extractor(), WebRtcDetector(), bundle.window),
        bundle.baseline,
        OnnxPredictor(path),
        bundle.labels,
        bundle.dimensions,
        SMOOTHING_OFF,
        DecisionSettings(min_speech=bundle.min_speech),
    )
    spoken = 0
    for utterance in read_corpus(manifest)[:6]:
        samples = read_utterance(utterance)
        pipeline.reset()
        estimates = []
        for start in range(0, len(samples), 1000):
            estimates += pipeline.feed(AudioBlock(samples[start : start + 1000], start))
        estimates += pipeline.flush()
        scores = scorer.score(samples)
        np.testing.assert_array_equal(scores.speech, [estimate.speech for estimate in estimates])
        with_speech = [estimate for estimate in estimates if estimate.state == "speech"]
        chosen = scores.select(bundle.min_speech)
        wanted = [list(estimate.scores.values()) for estimate in with_speech]
        np.testing.assert_allclose(chosen.probabilities, wanted, atol=1e-6)
        affect = [[estimate.arousal, estimate.valence, estimate.dominance] for estimate in with_speech]
        # A batch of windows rounds otherwise than one by one, and tanh passes that on.
        np.testing.assert_allclose(chosen.dimensions, affect, atol=5e-6)
        spoken += len(with_speech)
    assert spoken >= 12


def test_pooling_is_the_mean_log_probability():
    scores = WindowScores(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[0.2], [0.4]]), np.array([1.0, 0.5])).pool()
    geometric = np.sqrt([0.9 * 0.4, 0.1 * 0.6])
    np.testing.assert_allclose(scores.probabilities, [geometric / geometric.sum()])
    np.testing.assert_allclose(scores.dimensions, [[0.3]])


def test_utterances(bundle, manifest):
    found = evaluate(bundle, read_corpus(manifest))
    assert (found["model"], found["variant"], found["corpus"], found["level"]) == (
        "tiny",
        "fp32",
        "synthetic",
        "utterance",
    )
    assert found["skipped"] == {"fear": 3, "unlabelled": 3}
    assert (found["n"], found["without_speech"], found["too_short"]) == (13, 1, 1)
    assert found["support"] == {"neutral": 3, "happiness": 3, "sadness": 3, "anger": 4}
    assert np.sum(found["confusion"]) == 13
    assert found["reference"] == "mapped"
    assert set(found["ccc"]) == {"arousal", "valence", "dominance"}
    assert found["interval"]["uar"][0] <= found["uar"] <= found["interval"]["uar"][1]
    assert found["trained_on_corpus"] is False
    json.dumps(found, allow_nan=False)


def test_windows_without_speech_do_not_count(bundle, manifest):
    utterances = read_corpus(manifest)
    found = evaluate(bundle, utterances, level="window")
    scorer = BundleScorer(bundle)
    windows = [
        len(scorer.score(read_utterance(u)).select(bundle.min_speech).speech)
        for u in utterances
        if u.label in bundle.labels
    ]
    assert found["n"] == sum(windows) > found["utterances"]
    assert found["without_speech"] == 1


def test_ratings_are_the_reference_where_there_are_some(bundle, manifest, tmp_path):
    found = evaluate(bundle, read_corpus(rated(manifest, tmp_path)))
    assert found["reference"] == "rated"
    assert found["n"] == 13
    assert found["utterances"] == 16
    assert found["ccc"]["arousal"] is not None
    assert found["ccc"]["valence"] is None


def test_a_model_that_knows_the_corpus_is_marked(bundle, manifest):
    known = replace(bundle, corpora={"synthetic": "CC0"})
    assert evaluate(known, read_corpus(manifest))["trained_on_corpus"] is True


def test_noise_is_seeded_by_the_utterance_alone(bundle, manifest, noise):
    utterances = read_corpus(manifest)[:4]
    condition = NoiseCondition(NoiseBank(noise), 0.0)
    clean = evaluate(bundle, utterances)
    noisy = evaluate(bundle, utterances, noise=condition)
    assert noisy["noise"] == {"kind": noise.name, "snr_db": 0.0}
    assert noisy["confidence"] != clean["confidence"]
    assert evaluate(bundle, utterances[::-1], noise=condition) == noisy
    assert evaluate(bundle, utterances, noise=condition, seed=1)["confidence"] != noisy["confidence"]


@pytest.mark.parametrize("baseline", ["adaptive", "adaptive:2", "enrolled:1"])
def test_what_was_heard_of_a_speaker_changes_what_is_scored(bundle, manifest, tmp_path, baseline):
    twice = tmp_path / "twice.csv"
    lines = Path(manifest).read_text(encoding="utf-8").splitlines()
    rows = [f"{Path(manifest).parent}/{line}" for line in lines[1:]]
    again = [row.replace("happiness,train", "neutral,train").replace(",happiness,", ",neutral,") for row in rows]
    twice.write_text("\n".join([lines[0], *again]), encoding="utf-8")
    utterances = read_corpus(str(twice))
    found = evaluate(bundle, utterances, baseline=baseline, hold_out=1)
    none = evaluate(bundle, utterances, hold_out=1)
    assert none["baseline"]["setting"] == "none"
    assert found["baseline"]["setting"] == baseline
    assert found["baseline"]["held"] == none["baseline"]["held"] == 3
    assert found["support"] == none["support"]
    assert found["n"] == evaluate(bundle, utterances)["n"] - 3
    assert found["confidence"] != none["confidence"]
    assert 0 < found["baseline"]["weight"] < 1
    assert evaluate(bundle, utterances[::-1], baseline=baseline, hold_out=1) == found
    json.dumps(found, allow_nan=False)


def test_an_adaptive_stream_scores_as_the_pipeline_does(bundle, manifest):
    """One speaker's utterances in one stream, each scored by what came before it."""
    utterances = [u for u in read_corpus(manifest) if u.speaker == "synthetic/bob"]
    scorer = BundleScorer(bundle)
    spoken = {u: scorer.windows(read_utterance(u)) for u in utterances}
    wearers = Wearers(
        bundle.baseline, bundle.wearer, BaselineSetting("adaptive"), None, utterances, spoken.__getitem__, 0
    )
    _, path = bundle.variant_path()
    stage, end = AdaptiveBaseline(bundle.baseline, bundle.wearer.adaptive), 0
    for utterance in wearers.in_order(utterances):
        start = wearers.start(utterance)
        found = scorer.score_windows(later(spoken[utterance], start.offset), start.stage)
        for number, window in enumerate(later(spoken[utterance], end)):
            wanted = OnnxPredictor(path).predict(stage.standardise(window.features)[None])
            np.testing.assert_allclose(found.probabilities[number], wanted.probabilities[0], atol=1e-6)
            stage.hear(window)
        end += spoken[utterance][-1].end
    assert stage.weight > 0


def test_silent_speech_cannot_have_noise_and_is_named(bundle, manifest, noise):
    with pytest.raises(CorpusError, match=r"silent\.wav: the speech is silent"):
        evaluate(bundle, read_corpus(manifest), noise=NoiseCondition(NoiseBank(noise), 10))


def test_nothing_to_score(bundle, manifest):
    utterances = read_corpus(manifest)
    with pytest.raises(CorpusError, match=r"the model knows neutral, .*; the corpus has fear \(3\)"):
        evaluate(bundle, [u for u in utterances if u.label == "fear"])
    with pytest.raises(CorpusError, match="no recording has a window with speech"):
        evaluate(bundle, [u for u in utterances if u.path.stem == "silent"], level="window")


def test_one_speaker_of_one_class(bundle, manifest):
    found = evaluate(bundle, [u for u in read_corpus(manifest) if u.path.stem == "bob-anger"])
    assert found["interval"] == {"uar": None, "wa": None, "ccc": dict.fromkeys(bundle.dimensions)}
    assert found["recall"]["neutral"] is None


def run(*arguments: object):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)], env={"COLUMNS": "100"})


def test_the_command(tiny_bundle, manifest, tmp_path):
    output = tmp_path / "figures.json"
    result = run(tiny_bundle, "--corpus", manifest, "--variant", "fp32", "--json", output)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "tiny 1 (fp32) on synthetic, by utterance" in result.stdout
    assert "Skipped, as the model has no such class: fear 3, unlabelled 3" in result.stdout
    assert "CCC arousal (mapped)" in result.stdout
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert f"{figures['uar']:.3f}" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_the_command_by_window_with_noise_and_split(tiny_bundle, manifest, noise):
    arguments = (tiny_bundle, "--corpus", manifest, "--split", "test", "--level", "window", "--noise", noise)
    result = run(*arguments, "--snr", "5")
    assert result.exit_code == 0, result.output
    assert f"by window, noise {noise.name} at 5 dB" in result.stdout
    assert "one speaker only" in result.stdout


def test_the_command_with_a_baseline(tiny_bundle, manifest):
    result = run(tiny_bundle, "--corpus", manifest, "--baseline", "enrolled:30")
    assert result.exit_code == 0, result.output
    assert "Baseline enrolled:30: 0 s of a speaker heard" in result.stdout
    assert "no neutral speech to enrol from: synthetic/ann, synthetic/bob, synthetic/cem" in result.stdout
    assert "Baseline" not in run(tiny_bundle, "--corpus", manifest).stdout


def test_the_command_warns_of_the_models_own_corpus(tiny_bundle, manifest, tmp_path):
    own = Path(manifest).with_name("noise.csv")
    own.write_text(Path(manifest).read_text(encoding="utf-8"), encoding="utf-8")
    assert "Warning: the model was trained on this corpus" in run(tiny_bundle, "--corpus", own).stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--noise", "x"], ConfigurationError, "no kind of noise 'x'"),
        (["--snr", "5"], ConfigurationError, "--snr without --noise"),
        (["--noise", "pink", "--snr", "nan"], ConfigurationError, "'nan' is no ratio"),
        (["--noise", "/nowhere", "--snr", "5"], CorpusError, "/nowhere: no such folder"),
        (["--root", "/"], ConfigurationError, "--root with a manifest"),
        (["--split", "dev"], CorpusError, "no utterance of split 'dev'; the corpus has test, train"),
        (["--baseline", "me"], ConfigurationError, "--baseline me: choose none, adaptive"),
        (["--variant", "int4"], EdgeSerError, "no variant 'int4'"),
        (["--json", "/nowhere/x.json"], OutputError, "no folder /nowhere"),
    ],
)
def test_what_the_command_refuses(tiny_bundle, manifest, arguments, error, message):
    result = run(tiny_bundle, "--corpus", manifest, *arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_the_json_file_is_whole_or_not_there(tiny_bundle, manifest, tmp_path):
    (tmp_path / "figures.json").mkdir()
    result = run(tiny_bundle, "--corpus", manifest, "--split", "test", "--json", tmp_path / "figures.json")
    assert isinstance(result.exception, OutputError)
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


@pytest.mark.parametrize(
    ("model", "corpus", "message"),
    [
        ("nosuch", "emodb", "no model 'nosuch'"),
        (None, "nosuch", "no corpus 'nosuch'"),
        (None, "emodb", "no folder emodb/ in it"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(tiny_bundle, tmp_path, monkeypatch, capsys, model, corpus, message):
    monkeypatch.setattr(
        sys, "argv", ["edge-ser", "evaluate", model or str(tiny_bundle), "--corpus", corpus, "--root", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as caught:
        edge_app.cli.main()
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("edge-ser: ") and err.count("\n") == 1
    assert message in err


def test_the_command_needs_no_torch(tiny_bundle, manifest):
    program = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "lightning", "pyroomacoustics", "librosa", "onnx"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
from edge_app.cli import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", program, "evaluate", str(tiny_bundle), "--corpus", manifest, "--split", "test"],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert "UAR" in result.stdout


@pytest.mark.corpus
def test_on_a_real_corpus(bundle, corpora):
    utterances = read_corpus("urdu", corpora)[::8]
    found = evaluate(bundle, utterances)
    assert found["n"] == len(utterances) == 50
    assert found["without_speech"] == 0
