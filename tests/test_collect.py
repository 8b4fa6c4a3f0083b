from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from fakes import FakeSource, voice
from functionals import LogMelStatistics

from edge_app import collected
from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.collected import CollectedFeatures, Origin, read_collected, write_collected
from edge_app.collection import Collection, record
from edge_app.core.features import EXTRACTORS
from edge_app.core.snr import SnrMeter
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.errors import CollectionError, ConfigurationError, EdgeSerError, OutputError

ORIGIN = Origin("kitchen", "m", "egemaps", "d" * 64, 16000, 4000, "2026-11-21", "2026-11-22", "recording", 44100,
                60.5, 40.25, False, "asked")  # fmt: skip


def bundle_of(kind: str, tiny_bundle: Path, folder: Path) -> Path:
    """A bundle that reads functionals; there is no need of a model to collect them."""
    manifest = json.loads((tiny_bundle / "bundle.json").read_text())
    spec = EXTRACTORS[kind]().spec
    manifest["name"] = kind
    manifest["features"] = {"kind": spec.kind, "parameters": dict(spec.parameters), "digest": spec.digest}
    manifest["baseline"] = {"count": 1, "mean": [0.0] * 88, "deviation": [1.0] * 88}
    folder.mkdir()
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def model(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(EXTRACTORS, LogMelStatistics.kind, LogMelStatistics)
    return bundle_of(LogMelStatistics.kind, tiny_bundle, tmp_path / "model")


@pytest.fixture
def speech(tmp_path: Path, rng: np.random.Generator) -> Path:
    return write(tmp_path / "speech.wav", voice(rng, 16.0))


def write(path: Path, samples: Floats, rate: int = SAMPLE_RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def collect(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["collect", *map(str, arguments)])


def from_file(model: Path, speech: Path, output: Path, *more: object) -> Result:
    return collect("--features-only", "--model", model, "--place", "kitchen", "--input", speech, "--output", output,
                   "--yes", *more)  # fmt: skip


def features(windows: int = 4, functionals: int = 3) -> CollectedFeatures:
    values = np.arange(windows * functionals, dtype=np.float32).reshape(windows, functionals)
    return CollectedFeatures(ORIGIN, values, np.ones(windows, np.float32), np.full(windows, 12.5, np.float32))


def in_order(values: Floats) -> Floats:
    return np.array(sorted(values.tolist()), dtype=np.float32)


def test_a_file_says_what_it_is_and_holds_no_audio(model: Path, speech: Path, tmp_path: Path) -> None:
    output = tmp_path / "kitchen.npz"
    done = from_file(model, speech, output)
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "No audio is stored" in done.stderr
    assert "edge-ser adapt RUN --unlabelled" in done.stdout
    with zipfile.ZipFile(output) as archive:
        assert archive.namelist() == ["about.json", "values.npy", "speech.npy", "snr.npy"]
        about = json.loads(archive.read("about.json"))
        stored = sum(np.load(io.BytesIO(archive.read(name))).size for name in archive.namelist()[1:])
    assert b"Holds no audio" in output.read_bytes()[:400]
    assert (about["audio"], about["place"], about["rate"], about["consent"]) == (False, "kitchen", 16000, "option")
    assert about["digest"] == LogMelStatistics().spec.digest
    assert stored <= 90 * (16 * 4 + 1)  # 88 numbers four times a second, and two about each window
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kitchen.npz", "model", "speech.wav"]


def test_features_are_stored_before_any_baseline(speech: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    """The first of the eGeMAPS is the mean pitch in semitones above 27.5 Hz: the voice glides around 130 Hz."""
    model = bundle_of("egemaps", tiny_bundle, tmp_path / "model")
    assert from_file(model, speech, tmp_path / "x.npz").exit_code == 0
    pitch = read_collected(tmp_path / "x.npz").values[:, 0]
    assert np.median(pitch) == pytest.approx(12 * np.log2(130 / 27.5), abs=3)
    assert 12 * np.log2(80 / 27.5) < pitch.min()
    assert pitch.max() < 12 * np.log2(180 / 27.5)


def test_features_are_those_of_windows_cut_by_hand(model: Path, speech: Path, tmp_path: Path) -> None:
    assert from_file(model, speech, tmp_path / "all.npz", "--all").exit_code == 0
    found = read_collected(tmp_path / "all.npz")
    frames = LogMelStatistics().feed(soundfile.read(speech, dtype="float32")[0])
    hop, count = 256, (16000 - 512) // 256 + 1
    expected = []
    for end in range(16000, 16 * 16000 + 1, 4000):
        last = (end - 512) // hop + 1
        part = frames[last - count : last].astype(np.float64)
        expected.append(np.concatenate((part.mean(axis=0), part.std(axis=0))))
    np.testing.assert_allclose(in_order(found.values), in_order(np.array(expected, np.float32)), atol=2e-4)


def test_order_is_not_kept(model: Path, speech: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        from_file(model, speech, tmp_path / f"{name}.npz")
    one, two = (read_collected(tmp_path / f"{name}.npz").values for name in ("one", "two"))
    assert not np.array_equal(one, two)
    np.testing.assert_array_equal(in_order(one), in_order(two))


def test_only_speech_is_kept_unless_all_is_asked_for(model: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    silence = rng.normal(0, 1e-4, 20 * SAMPLE_RATE).astype(np.float32)
    path = write(tmp_path / "half.wav", np.concatenate((voice(rng, 10.0), silence)))
    from_file(model, path, tmp_path / "speech.npz")
    from_file(model, path, tmp_path / "all.npz", "--all")
    speech, everything = (read_collected(tmp_path / f"{name}.npz") for name in ("speech", "all"))
    assert speech.speech.min() >= 0.5
    assert len(everything.values) == (30 - 1) * 4 + 1
    assert (everything.speech < 0.5).sum() > 60
    kept = everything.values[everything.speech >= 0.5]
    np.testing.assert_array_equal(in_order(kept), in_order(speech.values))
    assert speech.origin.seconds == everything.origin.seconds == 30.0
    assert 4 < speech.origin.speech_seconds <= 10.6
    assert not speech.origin.everything


def test_the_signal_to_noise_ratio_is_that_of_the_meter(model: Path, speech: Path, tmp_path: Path) -> None:
    from_file(model, speech, tmp_path / "x.npz", "--all")
    samples = soundfile.read(speech, dtype="float32")[0]
    meter, expected = SnrMeter(), []
    for end in range(16000, len(samples) + 1, 4000):
        meter.feed(samples[0 if end == 16000 else end - 4000 : end])
        expected.append(meter.snr)
    np.testing.assert_allclose(np.sort(read_collected(tmp_path / "x.npz").snr), np.sort(expected), rtol=1e-5)


def test_the_rate_of_a_recording_is_noted(model: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    path = write(tmp_path / "narrow.wav", voice(rng, 10.0)[::2], 8000)
    from_file(model, path, tmp_path / "x.npz", "--all")
    assert read_collected(tmp_path / "x.npz").origin.rate == 8000


def test_a_file_is_never_larger_than_asked_for(model: Path, speech: Path, tmp_path: Path) -> None:
    done = from_file(model, speech, tmp_path / "x.npz", "--all", "--max-mb", 0.015)
    assert "--max-mb 0.015 is reached" in done.stderr
    assert (tmp_path / "x.npz").stat().st_size <= 15_000
    assert len(read_collected(tmp_path / "x.npz").values) == (15_000 - 8_000) // 360


def test_only_so_many_minutes_are_heard(model: Path, speech: Path, tmp_path: Path) -> None:
    from_file(model, speech, tmp_path / "x.npz", "--all", "--minutes", 0.1)
    found = read_collected(tmp_path / "x.npz")
    assert found.origin.seconds == 6.0
    assert len(found.values) == (6 - 1) * 4 + 1


def test_without_consent_nothing_is_stored(model: Path, speech: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    output = tmp_path / "x.npz"
    common = ["collect", "--model", str(model), "--place", "k", "--input", str(speech), "--output", str(output)]
    refused = CliRunner().invoke(cli, common)
    assert isinstance(refused.exception, ConfigurationError)
    assert "--yes" in str(refused.exception)
    monkeypatch.setattr("edge_app.commands.collect._at_terminal", lambda: True)
    for answer in ("n\n", "\n"):
        done = CliRunner().invoke(cli, common, input=answer)
        assert done.exit_code == 1
        assert "nothing was stored" in done.stderr
        assert not output.exists()
    assert CliRunner().invoke(cli, common, input="y\n").exit_code == 0
    assert read_collected(output).origin.consent == "asked"


def test_frames_are_not_stored(tiny_bundle: Path, speech: Path, tmp_path: Path) -> None:
    done = from_file(tiny_bundle, speech, tmp_path / "x.npz")
    assert isinstance(done.exception, CollectionError)
    assert "tiny reads logmel frames, from which speech can be made audible again" in str(done.exception)


def test_show_tells_what_is_in_a_file(tmp_path: Path) -> None:
    write_collected(tmp_path / "x.npz", features())
    shown = collect("--show", tmp_path / "x.npz").stdout
    for text in ("no audio", "kitchen", "2026-11-21 to 2026-11-22", "dddddddddddd", "4 of 1 s", "40.2 s in 60.5 s",
                 "12 dB", "recording, 44100 Hz", "given at a terminal"):  # fmt: skip
        assert text in shown
    unknown = replace(features(), snr=np.full(4, np.nan, np.float32))
    write_collected(tmp_path / "y.npz", unknown)
    assert "ratio not known" in collect("--show", tmp_path / "y.npz").stdout


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    write_collected(tmp_path / "x.npz", features())
    found = read_collected(tmp_path / "x.npz")
    assert found.origin == ORIGIN
    for name in ("values", "speech", "snr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(features(), name))


def test_a_file_that_is_there_is_replaced_only_when_forced(model: Path, speech: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.npz"
    write_collected(output, features())
    before = output.read_bytes()
    assert "--force" in str(from_file(model, speech, output).exception)
    assert output.read_bytes() == before
    assert from_file(model, speech, output, "--force").exit_code == 0
    assert output.read_bytes() != before
    (tmp_path / "letter.txt").write_text("dear")
    refused = from_file(model, speech, tmp_path / "letter.txt", "--force")
    assert isinstance(refused.exception, CollectionError)
    assert (tmp_path / "letter.txt").read_text() == "dear"
    assert isinstance(from_file(model, output, output, "--force").exception, EdgeSerError)
    assert isinstance(from_file(model, speech, speech, "--force").exception, ConfigurationError)


def test_silence_stores_nothing(model: Path, tmp_path: Path) -> None:
    silence = write(tmp_path / "silence.wav", np.zeros(5 * SAMPLE_RATE, np.float32))
    done = from_file(model, silence, tmp_path / "x.npz")
    assert isinstance(done.exception, CollectionError)
    assert "0 windows with speech in 5.0 s of audio" in str(done.exception)
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --model NAME, --place NAME and --output FILE"),
        (("--model", "m", "--place", "k"), "give --model NAME"),
        (("--show", "x", "--place", "k"), "--show reads a file"),
        (("--model", "m", "--place", "k", "--output", "x", "--input", "a.wav", "--device", "0"), "give one of them"),
        (("--model", "m", "--place", " ", "--output", "x"), "printable characters"),
        (("--model", "m", "--place", "a\nb", "--output", "x"), "printable characters"),
        (("--model", "m", "--place", "k" * 65, "--output", "x"), "printable characters"),
    ],
)
def test_contradictions_are_refused(arguments: tuple[str, ...], words: str) -> None:
    done = collect(*arguments)
    assert isinstance(done.exception, ConfigurationError)
    assert words in str(done.exception)


def test_what_cannot_be_written_is_told_before_anybody_speaks(
    model: Path, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = from_file(model, speech, tmp_path / "none" / "x.npz")
    assert isinstance(missing.exception, OutputError)
    assert "no such folder" in str(missing.exception)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be written" in str(from_file(model, speech, tmp_path / "x.npz").exception)


def test_a_full_disk_is_told_before_and_after(model: Path, speech: Path, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    with monkeypatch.context() as patched:
        usage = type("Usage", (), {"free": 1_500_000})()
        patched.setattr(collected.shutil, "disk_usage", lambda path: usage)
        done = from_file(model, speech, tmp_path / "x.npz")
        assert isinstance(done.exception, OutputError)
        assert "1.5 MB are free on this disk, up to 10 MB are to be stored" in str(done.exception)
        assert from_file(model, speech, tmp_path / "x.npz", "--max-mb", 1.5).exit_code == 0
    before = (tmp_path / "x.npz").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collected.os, "fsync", full)
    done = from_file(model, speech, tmp_path / "x.npz", "--force")
    assert isinstance(done.exception, OutputError)
    assert "no space left on device; nothing was stored" in str(done.exception)
    assert (tmp_path / "x.npz").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def stored_bytes(changes: dict[str, object] | None = None, **arrays: object) -> bytes:
    """A file of collected features with other content."""
    target = io.BytesIO()
    about = {"type": collected.TYPE, "schema": 1, **collected.asdict(ORIGIN), **(changes or {})}
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("about.json", json.dumps({key: value for key, value in about.items() if value is not None}))
        for name in ("values", "speech", "snr"):
            written = io.BytesIO()
            np.save(written, arrays.get(name, getattr(features(), name)), allow_pickle=True)
            archive.writestr(f"{name}.npy", written.getvalue())
    return target.getvalue()


DAMAGE = {
    "empty": b"",
    "not an archive": b"RIFF____WAVEfmt ",
    "cut short": stored_bytes()[:-30],
    "a changed byte": stored_bytes().replace(np.float32(7.0).tobytes(), np.float32(8.0).tobytes()),
    "another archive": stored_bytes({"type": "something"}),
    "another schema": stored_bytes({"schema": 2}),
    "no place": stored_bytes({"place": None}),
    "a place that is no text": stored_bytes({"place": 3}),
    "seconds that are no number": stored_bytes({"seconds": "many"}),
    "endless seconds": stored_bytes({"seconds": float("inf")}),
    "one dimension": stored_bytes(values=np.ones(4, np.float32)),
    "too few ratios": stored_bytes(snr=np.ones(3, np.float32)),
    "speech beyond one": stored_bytes(speech=np.full(4, 2.0, np.float32)),
    "not a number": stored_bytes(values=np.full((4, 3), np.nan, np.float32)),
    "double precision": stored_bytes(values=np.ones((4, 3))),
    "objects": stored_bytes(values=np.array([[{}] * 3] * 4, dtype=object)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_file_is_one_clear_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(DAMAGE[damage])
    done = collect("--show", path)
    assert isinstance(done.exception, CollectionError)
    assert str(done.exception).startswith(str(path))
    assert "\n" not in str(done.exception)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "good.npz").write_bytes(stored_bytes())
    assert collect("--show", tmp_path / "good.npz").exit_code == 0
    assert "no such file" in str(collect("--show", tmp_path / "none.npz").exception)
    assert "directory" in str(collect("--show", tmp_path).exception)


def test_ctrl_c_keeps_what_was_heard(model: Path, rng: np.random.Generator) -> None:
    collection, stop = Collection(load_bundle(model), 1.0, everything=True), threading.Event()

    def show(speech: float, level: float) -> None:
        if collection.heard >= 5:
            stop.set()

    record(collection, FakeSource(voice(rng, 30.0), realtime=True), 60.0, stop, show)
    values, speech, snr = collection.finish()
    assert len(values) == len(speech) == len(snr) == (5 - 1) * 4 + 1


def test_a_process_that_is_interrupted_leaves_a_whole_file(tiny_bundle: Path, tmp_path: Path,
                                                           rng: np.random.Generator) -> None:  # fmt: skip
    model, output = bundle_of("egemaps", tiny_bundle, tmp_path / "model"), tmp_path / "x.npz"
    command = [sys.executable, "-m", "edge_app", "collect", "--model", str(model), "--place", "k", "--input", "-",
               "--output", str(output), "--yes", "--all"]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write((voice(rng, 8.0) * 32767).astype("<i2").tobytes())
    process.stdin.flush()
    for _ in range(3):
        process.stderr.readline()  # it is past start-up when it says what it will store
    threading.Event().wait(3.0)
    assert list(tmp_path.glob("x*")) == []
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert read_collected(output).origin.seconds > 1
    assert [path.name for path in tmp_path.glob("*x.npz*")] == ["x.npz"]


def test_blocks_of_any_size_give_the_same_features(model: Path, rng: np.random.Generator) -> None:
    samples = voice(rng, 12.0)
    found = []
    for size in (len(samples), 320, 4801):
        collection = Collection(load_bundle(model), 1.0)
        for start in range(0, len(samples), size):
            collection.feed(AudioBlock(samples[start : start + size], start))
        values, *_ = collection.finish()
        found.append((hashlib.sha256(in_order(values).tobytes()).hexdigest(), collection.speech))
    assert found[0] == found[1] == found[2]


def test_errors_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "edge_app", "collect", "--show", str(tmp_path / "none")],
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("edge-ser: ")
