"""A net of a stream as a bundle: hop by hop it says what the net says of the whole recording at once."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from fakes import timeless, voice

from edge_app.app import open_pipeline
from edge_app.bench import run_bench
from edge_app.bench.figures import Subject
from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.core.features import LogMel
from edge_app.core.smoothing import SMOOTHING_OFF
from edge_app.core.types import SAMPLE_RATE, AudioBlock
from edge_app.errors import BundleError, ConfigurationError, ParityError
from edge_app.runtime.onnx import StatefulOnnxPredictor, open_predictor
from edge_app.settings import PipelineSettings
from edge_app.verify import verify_bundle
from export.bundle import ExportSettings, export_bundle
from export.graph import hops
from export.parity import Requirements
from train.nets.cpc import STEP
from train.scoring import BundleScorer

TOLERANCE = 1e-5


@pytest.fixture(scope="session")
def exported(stream_run, tmp_path_factory):
    """The folder of a bundle with a state, and how its variants compare."""
    folder = tmp_path_factory.mktemp("models") / "stream"
    return folder, export_bundle(stream_run, folder, ExportSettings(name="stream"))


@pytest.fixture
def speech(rng):
    return voice(rng, 7.3)


def settings(folder, **changes):
    values = {"model": str(folder), "variant": "fp32", "vad": "none", "smoothing": SMOOTHING_OFF, **changes}
    return PipelineSettings(**values)


def in_blocks(pipeline, samples, sizes):
    """Estimates of audio cut into blocks of these sizes, again and again."""
    estimates, start, turn = [], 0, 0
    while start < len(samples):
        size = int(sizes[turn % len(sizes)])
        estimates += pipeline.feed(AudioBlock(samples[start : start + size], start))
        start, turn = start + size, turn + 1
    return estimates + pipeline.flush()


def offline(run, samples, ends, memory):
    """What the net answers to whole contexts, at the end of each window: probabilities and dimensions, by torch."""
    frames = run.baseline.standardise(LogMel().feed(samples))
    with torch.no_grad():
        contexts = run.net.encoder(torch.from_numpy(frames)[None], run.net.encoder.start(1)).contexts
        rows = []
        for end in ends:
            steps = ((end - 512) // 256 + 1) // STEP
            first = max(0, steps - int(memory * 16000 / 256 / STEP))
            output = run.net.read(contexts[:, first:steps])
            rows.append(np.concatenate((torch.softmax(output.logits, 1)[0].numpy(), output.dimensions[0].numpy())))
    return np.array(rows)


def said(estimates):
    return np.array([[*each.scores.values(), each.arousal, each.valence, each.dominance] for each in estimates])


@pytest.mark.parametrize("memory", [None, 2.0, 10.0])
@pytest.mark.parametrize("hop", [0.1, 0.25, 1.0])
def test_hop_by_hop_is_the_offline_pass(exported, stream_run, speech, hop, memory):
    pipeline = open_pipeline(settings(exported[0], hop=hop, memory=memory))
    estimates = in_blocks(pipeline, speech, [320])
    ends = [estimate.end for estimate in estimates]
    assert ends[0] == SAMPLE_RATE and ends[-1] == len(speech)
    expected = offline(stream_run, speech, ends, memory or 4.0)
    np.testing.assert_allclose(said(estimates), expected, atol=TOLERANCE)
    assert np.ptp(expected, axis=0).max() > 100 * TOLERANCE  # the answers do change


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_estimates_do_not_depend_on_how_audio_is_cut(exported, rng, speech, variant):
    wanted = settings(exported[0], variant=variant, vad="webrtc")
    whole = timeless(in_blocks(open_pipeline(wanted), speech, [len(speech)]))
    assert {estimate.state for estimate in whole} >= {"speech", "no-speech"} or len(whole) == 27
    for sizes in ([320], [160, 481], [1], rng.integers(1, 9000, 40)):
        assert timeless(in_blocks(open_pipeline(wanted), speech, sizes)) == whole


def test_what_was_heard_without_speech_counts_all_the_same(exported, stream_run, speech):
    silent = np.concatenate((speech[:32000], np.zeros(40000, np.float32), speech[32000:]))
    estimates = in_blocks(open_pipeline(settings(exported[0], vad="webrtc")), silent, [4000])
    states = [estimate.state for estimate in estimates]
    assert "no-speech" in states
    spoken = [estimate for estimate in estimates if estimate.scores]
    assert states.index("no-speech") < len(estimates) - 1 - states[::-1].index("speech")
    expected = offline(stream_run, silent, [estimate.end for estimate in spoken], 4.0)
    np.testing.assert_allclose(said(spoken), expected, atol=TOLERANCE)


def test_a_gap_and_a_reset_begin_afresh(exported, speech):
    pipeline = open_pipeline(settings(exported[0]))
    first = said(in_blocks(pipeline, speech, [320]))
    far = 40 * SAMPLE_RATE
    later = [*pipeline.feed(AudioBlock(speech, far)), *pipeline.flush()]
    np.testing.assert_array_equal(said(later)[: len(first) - 1], first[:-1])
    pipeline.reset()
    np.testing.assert_array_equal(said(in_blocks(pipeline, speech, [320])), first)


@pytest.mark.parametrize("count", [512, 513, 1500, 2000])
def test_a_recording_of_a_few_frames_gets_an_answer(exported, speech, count):
    (estimate,) = in_blocks(open_pipeline(settings(exported[0], min_speech=0.0)), speech[:count], [100])
    assert sum(estimate.scores.values()) == pytest.approx(1)


def test_memory_is_bounded(exported, speech):
    bundle = load_bundle(exported[0])
    predictor = open_predictor(bundle.variant_path("fp32")[1], bundle.state)
    assert isinstance(predictor, StatefulOnnxPredictor)
    sizes = []
    for _ in range(60):
        predictor.run(np.zeros((1, 16, 128), np.float32))
        sizes.append(predictor.feed(np.zeros((1, 16, 128), np.float32))["contexts"].shape[1])
    assert sizes[0] == 4
    assert set(sizes[20:]) == {62 - 4}  # with the four steps of a hop it looks back on 62, or 3.97 s


@pytest.mark.parametrize(("asked", "told"), [([], 4.0), (["--memory", "2.5"], 2.5)])
def test_the_session_record_says_how_far_the_model_looks_back(exported, speech, tmp_path, asked, told):
    soundfile.write(tmp_path / "speech.wav", speech[:SAMPLE_RATE], SAMPLE_RATE)
    arguments = ["analyze", str(tmp_path / "speech.wav"), "--model", str(exported[0]), *asked]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert json.loads(done.stdout.splitlines()[0])["memory"] == told


def test_every_variant_says_what_the_net_says(exported):
    float_, integer = exported[1]
    assert (float_.reference, integer.reference) == ("torch", "fp32")
    assert float_.logits <= TOLERANCE and float_.dimensions <= TOLERANCE and float_.agreement == 1
    assert integer.agreement >= 0.97
    assert float_.uar > 0.9


def test_int8_is_a_third_of_the_size(exported):
    variants = load_bundle(exported[0]).variants
    assert variants["int8"].bytes < variants["fp32"].bytes / 2.5


def test_the_bundle_declares_its_state_and_verifies(exported):
    bundle = load_bundle(exported[0])
    assert [tensor.name for tensor in bundle.state.tensors] == ["usual", "past", "hidden", "contexts"]
    assert (bundle.state.frames, bundle.state.memory) == (4, 4.0)
    assert [check.variant for check in verify_bundle(bundle).variants] == ["fp32", "int8"]


def test_the_same_run_gives_the_same_bytes(exported, stream_run, tmp_path):
    export_bundle(stream_run, tmp_path / "again", ExportSettings(name="stream"))
    for path in exported[0].iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_hops_cut_a_window_as_a_device_does():
    parts = hops(np.arange(125)[:, None])
    ends = np.cumsum([part.shape[1] for part in parts])
    assert list(ends) == [*((end - 512) // 256 + 1 for end in range(16000, 32001, 4000)), 125]


# through the commands


def test_scoring_a_recording_is_what_the_pipeline_says(exported, speech):
    scores = BundleScorer(load_bundle(exported[0]), "fp32", vad="none").score(speech)
    estimates = in_blocks(open_pipeline(settings(exported[0])), speech, [320])
    np.testing.assert_array_equal(np.hstack((scores.probabilities, scores.dimensions)), said(estimates))


def test_listen_analyze_and_verify_take_it(exported, speech, tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech, SAMPLE_RATE, subtype="FLOAT")
    model = ["--model", str(exported[0]), "--vad", "always", "--smoothing", "0", "--variant", "fp32"]
    records = {}
    for name, arguments in (("listen", ["--input", str(path), "--ui", "jsonl"]), ("analyze", [str(path)])):
        result = CliRunner().invoke(cli, [name, *arguments, *model, "--memory", "2"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        lines = map(json.loads, result.stdout.splitlines())
        records[name] = [line["scores"] for line in lines if line["type"] == "estimate"]
    assert records["listen"] == records["analyze"]
    assert len(records["listen"]) == 27
    result = CliRunner().invoke(cli, ["models", "verify", str(exported[0])], catch_exceptions=False)
    assert "stream 1: ok" in result.output
    result = CliRunner().invoke(cli, ["models", "show", str(exported[0])], catch_exceptions=False)
    assert "looks back 4 s" in result.output


def test_an_update_is_timed(exported, speech, tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech, SAMPLE_RATE)
    measured = {figure.key: figure for figure in run_bench("update", Subject(str(exported[0]), path, updates=5))}
    assert set(measured) == {"update_fp32", "update_int8"}
    assert all(figure.median > 0.01 for figure in measured.values())


# what is refused


@pytest.mark.parametrize("memory", [1.9, 10.1, float("nan")])
def test_a_memory_out_of_range_is_one_clear_line(exported, memory):
    with pytest.raises(ConfigurationError, match="memory is"):
        open_pipeline(settings(exported[0], memory=memory))


def test_a_model_without_a_state_has_no_memory(tiny_bundle):
    with pytest.raises(ConfigurationError, match="--memory 3: tiny reads each window afresh; leave it out"):
        open_pipeline(settings(tiny_bundle, memory=3.0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tensors": [{"name": "other", "shape": [1, 2]}]}, "expected inputs 'features', 'other'"),
        ({"frames": 0}, "cannot read 0 frames"),
        ({"memory": 60}, "choose between 2 and 10 s"),
        ({"tensors": None}, "export the bundle again"),
    ],
)
def test_a_state_that_does_not_fit_is_one_clear_line(exported, tmp_path, change, message):
    folder = tmp_path / "changed"
    shutil.copytree(exported[0], folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["state"] |= change
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=message):
        open_pipeline(settings(folder))


def test_a_bundle_with_a_state_is_no_model_of_windows(exported, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(exported[0], folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    del manifest["state"]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="expected input 'features' and output 'logits', found"):
        open_pipeline(settings(folder))


def test_parity_that_is_not_reached_leaves_nothing(stream_run, tmp_path):
    strict = ExportSettings(name="stream", requirements=Requirements(agreement=1.01))
    with pytest.raises(ParityError, match="int8 against fp32 on 200 real windows"):
        export_bundle(stream_run, tmp_path / "drifted", strict)
    assert list(tmp_path.iterdir()) == []
