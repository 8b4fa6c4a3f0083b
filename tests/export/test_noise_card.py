"""Robustness curves go into a bundle: card, picture, and the ratio below which it claims nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from edge_app.bundle import load_bundle, sha256
from edge_app.core.types import AudioBlock
from edge_app.errors import BundleError, ConfigurationError
from edge_app.settings import PipelineSettings
from edge_app.verify import verify_bundle
from export.bundle import ExportSettings, export_bundle
from export.command import export
from export.noise import least_ratio_of
from train.noise_curves import TYPE

RATIOS = (None, 10.0, 0.0)
CHANCE = 0.25


def report(uar, *, corpus="emodb", protocol=None, **changes):
    """Curves of two kinds, the second 0.1 below the first."""
    curves = {
        kind: {
            "heard_in_training": kind == "home",
            "points": [
                {"snr_db": ratio, "uar": value - less, "ccc": {"arousal": 0.5}, "n": 10, "recall": {}}
                for ratio, value in zip(RATIOS, uar, strict=True)
            ],
        }
        for kind, less in (("babble", 0.0), ("home", 0.1))
    }
    errors = {
        kind: [{"snr_db": r, "miss": 0.25, "false_alarm": 0.5, "frame_miss": 0.0} for r in RATIOS] for kind in curves
    }
    found = {
        "type": TYPE, "model": "small", "version": "3", "variant": "int8", "corpus": corpus, "level": "utterance",
        "vad": "webrtc", "labels": ["a", "b", "c", "d"], "utterances": 10, "reference": "mapped",
        "trained_on_corpus": protocol is None, "chance": CHANCE, "curves": curves, "seed": 0,
        "front": {"vad": {"webrtc": errors}, "meter": {"babble": [{"snr_db": 0.0, "bias": 1.0, "spread": 2.0}]}},
    }  # fmt: skip
    if protocol is not None:
        found |= {"protocol": protocol, "also": ["nemo"], "variant": "net", "corpus": corpus}
        del found["version"], found["front"]
    return found | changes


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def bundle(small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    files = (
        write(folder / "a.json", report((0.9, 0.6, 0.2))),
        write(folder / "b.json", report((0.8, 0.7, 0.6), corpus="nemo")),
    )
    export_bundle(small_run, folder / "small", ExportSettings(name="small", version="3", metrics=files))
    return load_bundle(folder / "small")


def test_the_bundle_states_the_ratio_and_the_picture_is_part_of_it(bundle):
    # emodb's mean curve is 0.55 at 10 dB and 0.15 at 0 dB: it crosses 0.35 at 5 dB. nemo's stays above.
    assert bundle.min_snr == pytest.approx(5.0)
    assert bundle.manifest["decision"]["min_snr_from"].startswith("emodb, int8")
    picture = bundle.path / "noise.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert bundle.manifest["files"]["noise.png"] == sha256(picture)
    assert "noise.png" in verify_bundle(bundle).files
    picture.write_bytes(picture.read_bytes() + b"x")
    with pytest.raises(BundleError, match=r"noise\.png: checksum differs"):
        verify_bundle(bundle)
    picture.write_bytes(picture.read_bytes()[:-1])


@pytest.mark.parametrize(
    "words",
    [
        "Below a signal-to-noise ratio of 5 dB, as the program estimates it, the answer is `uncertain` for reason of",
        "## In noise",
        "](noise.png)",
        "### emodb, int8, whose speakers trained it",
        "UAR (chance 0.25) | noise | clean | 10 dB | 0 dB |",
        "| home (heard in training) | 0.800 | 0.500 | 0.100 |",
        "CCC arousal (mapped)",
        "webrtc: missed windows of speech, %",
        "| babble | 25.0 | 25.0 | 25.0 |",
        "webrtc: windows of silence taken for speech, %",
    ],
)
def test_the_card_says(bundle, words):
    card = (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert words in " ".join(card.split())


def test_the_device_keeps_to_it(bundle, rng):
    from edge_app.app import open_pipeline

    pipeline = open_pipeline(PipelineSettings(vad="always"), bundle)
    bursts = np.sin(2 * np.pi * 300 * np.arange(64_000) / 16_000) * (np.arange(64_000) // 16_000 % 2)
    for level, reasons in ((0.001, {"confidence", None}), (1.0, {"noise"})):
        samples = 0.1 * bursts + 0.1 * level * rng.normal(size=len(bursts))
        pipeline.reset()
        estimates = pipeline.feed(AudioBlock(samples.astype(np.float32), 0))[4:]  # a second of tone was heard
        assert {each.reason for each in estimates} <= reasons
        assert all((each.snr < 5.0) is (each.reason == "noise") for each in estimates)


def test_without_curves_there_is_no_ratio(small_run, tmp_path):
    export_bundle(small_run, tmp_path / "small", ExportSettings(name="small", version="3"))
    plain = load_bundle(tmp_path / "small")
    assert plain.min_snr is None
    assert "min_snr_db" not in plain.manifest["decision"]
    assert "In noise" not in (plain.path / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_same_curves_give_the_same_bytes(bundle, small_run, tmp_path):
    folder = bundle.path.parent
    files = (folder / "a.json", folder / "b.json")
    export_bundle(small_run, tmp_path / "small", ExportSettings(name="small", version="3", metrics=files))
    for path in bundle.path.iterdir():
        assert (tmp_path / "small" / path.name).read_bytes() == path.read_bytes()


def test_folds_come_before_speakers_who_trained_and_research_corpora_choose_nothing():
    own, folds = report((0.9, 0.9, 0.3)), report((0.9, 0.9, 0.9), protocol="loso")
    assert least_ratio_of([own])[0] > 0
    assert least_ratio_of([own, folds]) is None
    assert least_ratio_of([report((0.3, 0.3, 0.3), corpus="urdu", trained_on_corpus=False)]) is None
    worse = report((0.9, 0.3, 0.3), corpus="nemo")
    assert least_ratio_of([own, worse]) == (10.0, "nemo, int8, whose speakers trained it")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"model": "other"}, "curves of other 3, but small 3"), ({"version": "2"}, "curves of small 2")],
)
def test_curves_of_another_model_are_refused(small_run, tmp_path, changes, words):
    path = write(tmp_path / "a.json", report((0.9, 0.6, 0.3), **changes))
    with pytest.raises(ConfigurationError, match=words):
        export_bundle(small_run, tmp_path / "small", ExportSettings(name="small", version="3", metrics=(path,)))
    assert not (tmp_path / "small").exists()


def test_the_same_corpus_twice_is_refused(small_run, tmp_path):
    files = tuple(write(tmp_path / name, report((0.9, 0.6, 0.3))) for name in ("a.json", "b.json"))
    with pytest.raises(ConfigurationError, match="emodb, int8, whose speakers trained it was given already"):
        export_bundle(small_run, tmp_path / "small", ExportSettings(name="small", version="3", metrics=files))


@pytest.mark.parametrize("entry", ["NaN", "Infinity", '"loud"'])
def test_a_ratio_that_is_none_is_a_damaged_manifest(bundle, tmp_path, entry):
    text = (bundle.path / "bundle.json").read_text(encoding="utf-8")
    (tmp_path / "bundle.json").write_text(text.replace('"min_snr_db": 5.0', f'"min_snr_db": {entry}'), encoding="utf-8")
    with pytest.raises(BundleError, match=r"bundle\.json: .*export the bundle again"):
        load_bundle(tmp_path)


def test_figures_are_put_into_a_bundle_whose_model_stays(bundle, small_run, tmp_path):
    folder = tmp_path / "small"
    export_bundle(small_run, folder, ExportSettings(name="small", version="3"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    curves = bundle.path.parent / "a.json"
    done = CliRunner().invoke(export, [str(folder), "--metrics", str(curves)])
    assert done.exit_code == 0, done.output
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"bundle.json", "MODEL_CARD.md", "noise.png"}
    alone = tmp_path / "alone"
    export_bundle(small_run, alone, ExportSettings(name="small", version="3", metrics=(curves,)))
    for path in alone.iterdir():
        read = json.loads if path.name == "bundle.json" else bytes
        assert read(path.read_bytes()) == read(after[path.name])
    again = CliRunner().invoke(export, [str(folder), "--metrics", str(curves)])
    assert again.exit_code == 0
    assert (folder / "bundle.json").read_bytes() == after["bundle.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "give a training run, or figures"), (["--quantize", "int8"], "only figures"), (["--force"], "only figures")],
)
def test_a_bundle_takes_nothing_but_figures(bundle, arguments, words):
    done = CliRunner().invoke(export, [str(bundle.path), *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert words in str(done.exception)
