"""A corpus in a condition: readable, the same each time, whole whatever happens meanwhile."""

from __future__ import annotations

import csv
import dataclasses
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.errors import ConfigurationError, CorpusError, OutputError
from train.corpora import Utterance, read_corpus
from train.noisy.build import Plan, build, record_utterance
from train.noisy.material import NoiseMaterial

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def utterances(voices: Path) -> list[tuple[int, Utterance]]:
    return list(enumerate(read_corpus(str(voices))))[::7]


def run(utterances, plan: Plan, material: NoiseMaterial | None, output: Path, jobs: int = 1, stop=None):
    return list(build(utterances, plan, material, output, jobs, stop or threading.Event()))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_condition_reads_as_the_corpus_it_was(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path
) -> None:
    how = run(utterances, plan, material, tmp_path)
    manifest = tmp_path / "5dB" / "test" / "voices.csv"
    found = read_corpus(str(manifest))
    assert [(u.corpus, u.speaker, u.label) for u in found] == [(u.corpus, u.speaker, u.label) for _, u in utterances]
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["snr"]) for row in rows] == [each["snr"] for each in how]
    for row, utterance, (_, source) in zip(rows, found, utterances, strict=True):
        assert row["source"] == source.path.name
        assert float(row["snr"]) == pytest.approx(4.34, abs=0.5)
        assert float(row["distance"]) == pytest.approx(10 * 0.0254, abs=1e-3)
        assert row["noise"] in plan.kinds
        recorded, rate = soundfile.read(utterance.path)
        assert rate == 16_000
        assert len(recorded) == soundfile.info(source.path).frames


def test_the_clean_condition_is_the_corpus_itself(
    utterances: list[tuple[int, Utterance]], plan: Plan, tmp_path: Path
) -> None:
    run(utterances, dataclasses.replace(plan, condition="clean"), None, tmp_path)
    for utterance, (_, source) in zip(read_corpus(str(tmp_path / "clean" / "voices.csv")), utterances, strict=True):
        pairs = [soundfile.read(each.path, dtype="int16")[0] for each in (utterance, source)]
        assert np.array_equal(*pairs)


def test_a_quiet_room_has_no_noise(utterances: list[tuple[int, Utterance]], plan: Plan, tmp_path: Path) -> None:
    how = run(utterances, dataclasses.replace(plan, condition="quiet"), None, tmp_path)
    assert all("noise" not in each and each["snr"] > 20 for each in how)


def test_conditions_differ_in_ratio_and_distance_alone(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial
) -> None:
    number, utterance = utterances[2]
    near, far = (
        record_utterance(number, utterance, dataclasses.replace(plan, condition=name), material)[1]
        for name in ("10dB", "0dB")
    )
    differing = {key for key in near if near[key] != far[key]}
    assert differing <= {"distance", "noise_distance", "snr", "clipped"}
    assert near["snr"] - far["snr"] == pytest.approx(11.06 - 0.15, abs=0.5)


def test_sides_have_no_noise_and_no_room_in_common(
    utterances: list[tuple[int, Utterance]], plan: Plan, talkers: list[Utterance], sounds: Path, tmp_path: Path
) -> None:
    heard = {}
    for side in ("train", "test"):
        how = run(utterances, dataclasses.replace(plan, side=side), NoiseMaterial(side, talkers, sounds), tmp_path)
        heard[side] = [{s for each in how for s in each["noise_source"].split("; ")}, {each["room"] for each in how}]
    for train, test in zip(heard["train"], heard["test"], strict=True):
        assert train
        assert test
        assert not train & test


def test_processes_record_the_same_as_one(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path
) -> None:
    run(utterances, plan, material, tmp_path / "one")
    run(utterances, plan, material, tmp_path / "two", jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_utterance_does_not_depend_on_which_others_are_recorded(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path
) -> None:
    run(utterances, plan, material, tmp_path / "all")
    run(utterances[3:5], plan, material, tmp_path / "some")
    for name, content in contents(tmp_path / "some" / "5dB" / "test" / "audio").items():
        assert (tmp_path / "all" / "5dB" / "test" / "audio" / name).read_bytes() == content


def test_a_stopped_build_goes_on(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path
) -> None:
    stop = threading.Event()
    going = build(utterances, plan, material, tmp_path / "a", 1, stop)
    next(going)
    next(going)
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        next(going)
    assert not list((tmp_path / "a").rglob("*.csv"))
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.flac")}
    assert len(first) == 2
    run(utterances, plan, material, tmp_path / "a")
    run(utterances, plan, material, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert all(path.stat().st_mtime_ns == before for path, before in first.items())


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_half_done(
    utterances: list[tuple[int, Utterance]], voices: Path, sounds: Path, tmp_path: Path
) -> None:
    # The made noise has no people; environments need none.
    command = [
        sys.executable, "-m", "edge_app", "record", "corpus", "--corpus", str(voices), "--condition", "0dB",
        "--side", "train", "--kind", "environment", "--talkers", str(voices), "--noise", str(sounds), "--output",
    ]  # fmt: skip
    folder = tmp_path / "killed" / "0dB" / "train" / "audio"
    process = subprocess.Popen([*command, str(tmp_path / "killed")], cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.flac"))) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    there = sorted(folder.glob("*.flac"))
    assert 3 <= len(there) < 40
    assert all(soundfile.info(path).frames == 25_600 for path in there)
    assert not list(tmp_path.rglob("*.csv"))
    before = {path: path.stat().st_mtime_ns for path in there}
    for name in ("killed", "whole"):
        subprocess.run([*command, str(tmp_path / name)], cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == before[path] for path in there)


def test_a_damaged_recording_is_made_anew(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path
) -> None:
    run(utterances, plan, material, tmp_path)
    whole = contents(tmp_path)
    path = sorted(tmp_path.rglob("*.flac"))[1]
    path.write_bytes(b"fLaC")
    run(utterances, plan, material, tmp_path)
    assert contents(tmp_path) == whole


@pytest.mark.parametrize(("change", "named"), [({"seed": 4}, "seed"), ({"receiver": "wrist"}, "receiver")])
def test_recordings_of_another_plan_are_not_replaced(
    utterances: list[tuple[int, Utterance]],
    plan: Plan,
    material: NoiseMaterial,
    tmp_path: Path,
    change,
    named: str,
) -> None:
    run(utterances[:2], plan, material, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ConfigurationError, match=f"recorded with another {named}; choose another --output"):
        run(utterances, dataclasses.replace(plan, **change), material, tmp_path)
    assert contents(tmp_path) == before


def test_recordings_with_other_noise_are_not_mixed_in(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, sounds: Path, tmp_path: Path
) -> None:
    run(utterances[:2], plan, material, tmp_path)
    other = NoiseMaterial("test", [], sounds)
    with pytest.raises(ConfigurationError, match="recorded with another noise"):
        run(utterances, plan, other, tmp_path)


def test_a_full_disk(
    utterances: list[tuple[int, Utterance]], plan: Plan, material: NoiseMaterial, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write = Path.write_bytes

    def write_until_full(path: Path, content: bytes) -> int:
        if len(list(tmp_path.rglob("*.flac"))) == 2:
            write(path, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(OutputError, match=r"\.flac: no space left on device; make room") as caught:
        run(utterances, plan, material, tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".flac", ".flac"]
    monkeypatch.undo()
    run(utterances, plan, material, tmp_path)
    assert (tmp_path / "5dB" / "test" / "voices.csv").is_file()


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [(np.zeros(16_000), 16_000, "the speech is silent"), (np.full(8_000, 0.1), 8_000, "sampled at 8 kHz"),
     (np.tile([0.1, -0.1], 16_000 * 30), 16_000, "too short for")],
)  # fmt: skip
def test_a_recording_that_cannot_be_used_is_named(
    plan: Plan, material: NoiseMaterial, tmp_path: Path, samples: np.ndarray, rate: int, message: str
) -> None:
    soundfile.write(tmp_path / "odd.wav", samples, rate)
    utterance = Utterance(path=tmp_path / "odd.wav", corpus="voices", speaker="voices/x", language="und")
    with pytest.raises(CorpusError, match=rf"odd\.wav: .*{message}") as caught:
        record_utterance(0, utterance, plan, material)
    assert "\n" not in str(caught.value)
