"""``edge-ser enroll``: what is usual for a voice is stored, found, listed and deleted."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from enrolling import enroll

from edge_app.app import make_baseline, open_pipeline
from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.core.features import LogMel
from edge_app.core.types import AudioBlock
from edge_app.enrolled import find_wearer
from edge_app.errors import BaselineError
from edge_app.settings import PipelineSettings


def test_enrolment_keeps_statistics_and_nothing_else(folder: Path, speech: Path) -> None:
    done = enroll("--name", "me", "--input", speech)
    assert done.exit_code == 0, done.output
    assert "use it: edge-ser listen --baseline me" in done.stdout
    (path,) = folder.iterdir()
    assert path.name == "me.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    stored = json.loads(path.read_text())
    assert set(stored) == {"type", "schema", "name", "date", "features"}
    (entry,) = stored["features"]
    assert set(entry) == {"digest", "window", "seconds", "count", "mean", "variance"}
    assert (entry["digest"], entry["window"]) == (LogMel().spec.digest, 16000)
    assert len(entry["mean"]) == len(entry["variance"]) == 128
    assert 5 <= entry["seconds"] <= 16


def test_the_statistics_are_those_of_the_speech(speech: Path) -> None:
    enroll("--name", "me", "--input", speech)
    (found,) = find_wearer("me").statistics
    frames = LogMel().feed(soundfile.read(speech, dtype="float32")[0])
    # The pauses of a few windows are the difference.
    assert np.abs(found.mean - frames.mean(axis=0)).mean() < 3.0
    assert np.abs(np.sqrt(found.variance) - frames.std(axis=0)).mean() < 2.0


def test_an_enrolled_baseline_is_what_is_usual(tiny_bundle: Path, speech: Path) -> None:
    enroll("--name", "me", "--input", speech)
    bundle = load_bundle(tiny_bundle)
    found = find_wearer("me").of(bundle.feature_digest, 16000)
    assert found is not None
    weight = found.seconds / (found.seconds + bundle.wearer.enrolled.prior)
    stage = make_baseline(bundle, "me")
    assert stage.weight == pytest.approx(weight)
    usual = (1 - weight) * bundle.baseline.mean + weight * found.mean
    np.testing.assert_allclose(stage.standardise(usual), 0, atol=1e-5)
    samples = soundfile.read(speech, dtype="float32")[0]
    settings = PipelineSettings(str(tiny_bundle), vad="none", baseline="me")
    with_baseline = open_pipeline(settings).feed(AudioBlock(samples, 0))
    without = open_pipeline(PipelineSettings(str(tiny_bundle), vad="none")).feed(AudioBlock(samples, 0))
    weights = [estimate.wearer for estimate in with_baseline]
    assert weights[0] == stage.weight
    assert weights == sorted(weights)
    assert with_baseline[0].scores != without[0].scores


def test_a_baseline_is_found_by_name_and_by_file(folder: Path, speech: Path, tmp_path: Path) -> None:
    enroll("--name", "me", "--input", speech)
    copy = shutil.copy(folder / "me.json", tmp_path / "elsewhere.json")
    assert find_wearer(str(copy)).statistics[0].mean.tolist() == find_wearer("me").statistics[0].mean.tolist()


def test_listen_and_analyze_take_it(tiny_bundle: Path, speech: Path) -> None:
    enroll("--name", "me", "--input", speech)
    common = ["--model", str(tiny_bundle), "--baseline", "me"]
    analyzed = CliRunner().invoke(cli, ["analyze", str(speech), *common])
    session, first, *_ = map(json.loads, analyzed.stdout.splitlines())
    assert session["baseline"] == "me"
    assert 0 < first["wearer"] < 1
    listened = subprocess.run(
        [sys.executable, "-m", "edge_app", "listen", *common, "--input", str(speech), "--ui", "jsonl"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(listened.stdout.splitlines()[1])["scores"] == first["scores"]


def test_only_so_many_seconds_are_heard(speech: Path) -> None:
    assert enroll("--name", "me", "--input", speech, "--seconds", "6").exit_code == 0
    assert 6 <= find_wearer("me").statistics[0].seconds < 6.5


def test_a_model_that_is_no_shipped_one_can_be_enrolled_for(tiny_bundle: Path, speech: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_bundle, tmp_path / "other")
    manifest = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps({**manifest, "window": {"length": 32000, "hop": 4000}}))
    assert enroll("--name", "me", "--input", speech, "--model", other).exit_code == 0
    assert [each.window for each in find_wearer("me").statistics] == [16000, 32000]


def test_they_are_listed_and_deleted(folder: Path, speech: Path) -> None:
    assert "nobody is enrolled" in enroll("--list").stdout
    enroll("--name", "ann", "--input", speech)
    enroll("--name", "bob", "--input", speech)
    listed = enroll("--list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["name", "ann", "bob"]
    assert "tiny" in listed
    assert enroll("--delete", "ann").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["bob.json"]
    assert isinstance(enroll("--delete", "ann").exception, BaselineError)


def test_a_copy_is_listed_by_the_name_that_finds_and_deletes_it(folder: Path, speech: Path) -> None:
    enroll("--name", "ann", "--input", speech)
    shutil.copy(folder / "ann.json", folder / "copy.json")
    assert [line.split()[0] for line in enroll("--list").stdout.splitlines()] == ["name", "ann", "copy"]
    assert find_wearer("copy").statistics[0].count == find_wearer("ann").statistics[0].count
    assert enroll("--delete", "copy").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["ann.json"]


def test_a_file_whose_name_no_baseline_can_have_is_told(folder: Path, speech: Path) -> None:
    enroll("--name", "ann", "--input", speech)
    shutil.copy(folder / "ann.json", folder / "\x1b[2J.json")
    done = enroll("--list")
    assert done.exit_code == 2
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", "ann"]
    assert "a baseline cannot be called '\\x1b[2J'" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_damaged_file_is_told_and_the_others_are_listed(folder: Path, speech: Path) -> None:
    enroll("--name", "ann", "--input", speech)
    (folder / "bob.json").write_text('{"type": "edge-ser baseline", "schema"')
    done = enroll("--list")
    assert done.exit_code == 2
    assert "ann" in done.stdout
    assert "bob.json: not an enrolled baseline, or a damaged one" in done.stderr


def test_a_name_that_is_taken_is_kept_unless_forced(folder: Path, speech: Path) -> None:
    enroll("--name", "me", "--input", speech)
    before = (folder / "me.json").read_bytes()
    refused = enroll("--name", "me", "--input", speech, "--seconds", "6")
    assert isinstance(refused.exception, BaselineError)
    assert "--force" in str(refused.exception)
    assert (folder / "me.json").read_bytes() == before
    assert enroll("--name", "me", "--input", speech, "--seconds", "6", "--force").exit_code == 0
    assert (folder / "me.json").read_bytes() != before
