from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from fakes import FakeSource, voice

from edge_app import enrolled
from edge_app.app import make_baseline, open_pipeline
from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.commands.enroll import Meter
from edge_app.core.features import LogMel
from edge_app.core.records import Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.core.wearer import WearerStatistics
from edge_app.enrolled import EnrolledWearer, find_wearer, read_wearer, write_wearer
from edge_app.enrolment import PATIENCE, Enrolment, record
from edge_app.errors import BaselineError, BundleError, ConfigurationError, EdgeSerError, OutputError
from edge_app.settings import PipelineSettings
from edge_app.soundcheck import SoundCheck


class Terminal(io.StringIO):
    """A standard error that somebody sees."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of enrolled baselines, empty; the only model is the tiny one."""
    monkeypatch.setenv("EDGE_SER_BASELINES", str(tmp_path / "wearers"))
    monkeypatch.setattr("edge_app.bundle.model_folders", lambda: [tiny_bundle.parent])
    return tmp_path / "wearers"


@pytest.fixture
def speech(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write(tmp_path / "speech.wav", voice(rng, 16.0))


def write(path: Path, samples: Floats) -> Path:
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    return path


def enroll(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["enroll", *map(str, arguments)])


def statistics(digest: str = "d" * 64, **entries: Any) -> WearerStatistics:
    values = {"window": 16000, "seconds": 12.5, "count": 50, "mean": np.arange(3, dtype=np.float32) / 3,
              "variance": np.ones(3, np.float32)}  # fmt: skip
    return WearerStatistics(digest, **(values | entries))


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


SOUNDS = {
    "silence": (np.zeros(20 * SAMPLE_RATE), "silence: almost nothing"),
    "digital hiss": (np.random.default_rng(1).normal(0, 0.05, 20 * SAMPLE_RATE), "noise: the level moves by"),
    "gusts of wind": (
        np.random.default_rng(2).normal(0, 0.1, 20 * SAMPLE_RATE)
        * (0.02 + np.clip(np.sin(np.arange(20 * SAMPLE_RATE) / 3000), 0, 1)),
        "have a pitch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUNDS)
def test_what_is_no_speech_is_refused_with_the_reason(folder: Path, tmp_path: Path, kind: str) -> None:
    samples, reason = SOUNDS[kind]
    done = enroll("--name", "me", "--input", write(tmp_path / "sound.wav", samples.astype(np.float32)))
    assert isinstance(done.exception, BaselineError)
    assert reason in str(done.exception)
    assert list(folder.iterdir()) == []


def test_clipped_speech_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    loud = np.clip(20 * voice(rng, 12.0), -1, 1).astype(np.float32)
    done = enroll("--name", "me", "--input", write(tmp_path / "loud.wav", loud))
    assert isinstance(done.exception, BaselineError)
    assert "clipped" in str(done.exception)


def test_a_recording_without_the_upper_bands_is_enrolled_with_a_remark(speech: Path, tmp_path: Path) -> None:
    narrow = tmp_path / "telephone.wav"
    samples = soundfile.read(speech, dtype="float32")[0]
    soundfile.write(narrow, samples.reshape(-1, 2).mean(axis=1), SAMPLE_RATE // 2)
    done = enroll("--name", "me", "--input", narrow)
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("edge-ser: warning: telephone.wav is sampled at 8 kHz: nothing is left of the voice")
    assert len(done.stderr.splitlines()) == 1
    assert enroll("--name", "wide", "--input", speech).stderr == ""


def test_a_remark_stands_above_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Meter(30.0) as meter:
        meter.say(Notice("warning", "the microphone 'x [hw:1]' is gone"))
    assert "edge-ser: warning: the microphone 'x [hw:1]' is gone" in screen.getvalue()


@pytest.mark.parametrize("seconds", [2.0, 4.0])
def test_too_little_speech_is_refused(tmp_path: Path, rng: np.random.Generator, seconds: float) -> None:
    done = enroll("--name", "me", "--input", write(tmp_path / "short.wav", voice(rng, seconds)))
    assert isinstance(done.exception, BaselineError)
    assert "at least 5 s are needed" in str(done.exception)


@pytest.mark.parametrize(
    "name", ["../me", "a/b", "", ".", ".hidden", "none", "adaptive", "x" * 65, "a b", "a\0b", "me.json"]
)
def test_impossible_names_are_refused(speech: Path, folder: Path, name: str) -> None:
    assert isinstance(enroll("--name", name, "--input", speech).exception, BaselineError)
    assert isinstance(enroll("--delete", name).exception, BaselineError)
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments", [(), ("--list", "--name", "me"), ("--name", "me", "--delete", "me"),
                  ("--name", "me", "--input", "x.wav", "--device", "0")],
)  # fmt: skip
def test_contradictions_are_refused(arguments: tuple[str, ...]) -> None:
    assert isinstance(enroll(*arguments).exception, ConfigurationError)


def test_without_any_model_there_is_nothing_to_enrol_for(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.bundle.model_folders", list)
    assert isinstance(enroll("--name", "me", "--input", speech).exception, BundleError)


def test_an_unknown_name_says_who_is_known(tiny_bundle: Path, speech: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    with pytest.raises(BaselineError, match="nobody is enrolled; run edge-ser enroll --name you"):
        make_baseline(bundle, "you")
    enroll("--name", "me", "--input", speech)
    with pytest.raises(BaselineError, match="there are me"):
        make_baseline(bundle, "you")


def test_a_baseline_of_other_features_is_refused(tiny_bundle: Path) -> None:
    write_wearer(EnrolledWearer("me", "2026-11-21", (statistics(),)))
    with pytest.raises(BaselineError, match="has no statistics of the features of tiny"):
        make_baseline(load_bundle(tiny_bundle), "me")


def test_what_is_stored_comes_back(folder: Path) -> None:
    wearer = EnrolledWearer("me", "2026-11-21", (statistics(), statistics("e" * 64)))
    found = read_wearer(write_wearer(wearer))
    assert (found.name, found.date) == ("me", "2026-11-21")
    for before, after in zip(wearer.statistics, found.statistics, strict=True):
        assert (before.digest, before.seconds, before.count) == (after.digest, after.seconds, after.count)
        assert np.array_equal(before.mean, after.mean)
        assert np.array_equal(before.variance, after.variance)


GOOD = {"type": "edge-ser baseline", "schema": 1, "name": "me", "date": "2026-11-21"}
ENTRY = {"digest": "d", "window": 16000, "seconds": 9.0, "count": 3, "mean": [1.0], "variance": [1.0]}
DAMAGE = {
    "empty": "",
    "cut short": '{"type": "edge-ser baseline", "schema": 1',
    "binary": b"\xff\xfe\x00PK",
    "a list": "[]",
    "another JSON file": '{"schema": 1, "name": "chunk-cnn"}',
    "another schema": json.dumps(GOOD | {"schema": 2, "features": [ENTRY]}),
    "no features": json.dumps(GOOD),
    "features of another kind": json.dumps(GOOD | {"features": 3}),
    "no mean": json.dumps(GOOD | {"features": [{key: ENTRY[key] for key in ENTRY if key != "mean"}]}),
    "not a number": json.dumps(GOOD | {"features": [ENTRY | {"mean": [float("nan")]}]}),
    "words": json.dumps(GOOD | {"features": [ENTRY | {"mean": ["loud"]}]}),
    "lengths that differ": json.dumps(GOOD | {"features": [ENTRY | {"mean": [1.0, 2.0]}]}),
    "a negative variance": json.dumps(GOOD | {"features": [ENTRY | {"variance": [-1.0]}]}),
    "no numbers": json.dumps(GOOD | {"features": [ENTRY | {"mean": [], "variance": []}]}),
    "nested beyond sense": "[" * 100_000,
    "beyond single precision": json.dumps(GOOD | {"features": [ENTRY | {"mean": [1e300]}]}),
    "fewer windows than one": json.dumps(GOOD | {"features": [ENTRY | {"count": -1}]}),
    "no date": json.dumps(GOOD | {"date": "yesterday", "features": [ENTRY]}),
    "a name that commands the terminal": json.dumps(GOOD | {"name": "\x1b[2J", "features": [ENTRY]}),
    "no speech": json.dumps(GOOD | {"features": [ENTRY | {"seconds": 0.0}]}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_file_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    content = DAMAGE[damage]
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BaselineError) as caught:
        find_wearer(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BaselineError, match="no such file"):
        find_wearer("/nowhere/me.json")


def test_a_folder_that_cannot_be_made_is_told_before_anybody_reads(
    tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGE_SER_BASELINES", str(tmp_path / "file" / "wearers"))
    done = enroll("--name", "me", "--input", speech)
    assert isinstance(done.exception, OutputError)
    assert "EDGE_SER_BASELINES" in str(done.exception)


def test_a_folder_without_permission_is_told(folder: Path, speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    done = enroll("--name", "me", "--input", speech)
    assert isinstance(done.exception, OutputError)
    assert "cannot be written" in str(done.exception)


def test_a_full_disk_leaves_nothing_and_the_old_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wearer(EnrolledWearer("me", "2026-11-20", (statistics(),)))
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(enrolled.os, "fsync", full)
    with pytest.raises(OutputError, match="no space left on device; nothing was stored"):
        write_wearer(EnrolledWearer("me", "2026-11-21", (statistics(),)), replace=True)
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


def test_errors_are_one_line_and_exit_code_2(tmp_path: Path, folder: Path) -> None:
    write(tmp_path / "silence.wav", np.zeros(16000, np.float32))
    command = [sys.executable, "-m", "edge_app", "enroll", "--name", "me", "--input", str(tmp_path / "silence.wav")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("edge-ser: cannot enrol from silence")
    assert len(done.stderr.splitlines()) == 1


def hear(samples: Floats, tiny_bundle: Path, wanted: float | None = 30.0, stop: threading.Event | None = None):
    """Enrol from a microphone that hears these samples, as fast as it can."""
    enrolment = Enrolment([load_bundle(tiny_bundle)])
    shown: list[tuple[float, float]] = []
    source = FakeSource(samples, realtime=True)
    record(enrolment, source, wanted, stop or threading.Event(), lambda *values: shown.append(values))
    return enrolment, shown


def test_a_microphone_is_heard_until_there_is_enough(tiny_bundle: Path, rng: np.random.Generator) -> None:
    enrolment, shown = hear(voice(rng, 20.0), tiny_bundle, wanted=6.0)
    assert 6.0 <= enrolment.seconds <= 6.5
    assert enrolment.duration < 12
    assert [speech for speech, _ in shown] == sorted(speech for speech, _ in shown)
    assert max(level for _, level in shown) > -30
    assert len(enrolment.finish()) == 1


def test_a_microphone_without_speech_is_given_up(tiny_bundle: Path) -> None:
    enrolment, _ = hear(np.zeros(60 * SAMPLE_RATE, np.float32), tiny_bundle)
    assert enrolment.duration == pytest.approx(PATIENCE, abs=0.1)
    with pytest.raises(BaselineError, match="silence"):
        enrolment.finish()


def test_ctrl_c_stores_nothing(tiny_bundle: Path, rng: np.random.Generator) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(BaselineError, match=r"interrupted after 0\.0 s"):
        hear(voice(rng, 2.0), tiny_bundle, stop=stop)


def test_blocks_of_any_size_give_the_same_statistics(tiny_bundle: Path, rng: np.random.Generator) -> None:
    samples = voice(rng, 12.0)
    found = []
    for size in (len(samples), 320, 4801):
        enrolment = Enrolment([load_bundle(tiny_bundle)])
        for start in range(0, len(samples), size):
            enrolment.feed(AudioBlock(samples[start : start + size], start))
        (each,) = enrolment.finish()
        found.append((each.seconds, each.count, each.mean.tolist(), each.variance.tolist()))
    assert found[0] == found[1] == found[2]


def test_levels_and_pitch_of_known_sounds() -> None:
    time_axis = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    check = SoundCheck()
    check.feed((0.1 * np.sin(2 * np.pi * 150 * time_axis)).astype(np.float32))
    assert check.loud_dbfs == pytest.approx(-23, abs=0.6)
    assert check.range_db == 0
    assert check.voiced > 0.99
    hiss = SoundCheck()
    hiss.feed(np.random.default_rng(3).normal(0, 0.1, 10 * SAMPLE_RATE).astype(np.float32))
    assert hiss.loud_dbfs == pytest.approx(-20, abs=1.1)
    assert hiss.voiced < 0.05
    assert SoundCheck().problem() is not None


def test_every_refusal_is_an_error_of_the_program() -> None:
    assert issubclass(BaselineError, EdgeSerError)
