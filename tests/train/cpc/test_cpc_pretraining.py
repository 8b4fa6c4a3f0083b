"""Learning from speech without labels."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from edge_app.core.features import LogMel
from edge_app.errors import ConfigurationError, CorpusError, TrainingError
from train.commands.pretrain import pretrain_command
from train.cpc import pretraining
from train.cpc.pretraining import checked_net, pretrain, read_record
from train.cpc.record import load_pretrained
from train.cpc.speech import FrameReader, SpeechStream, open_source, share_of, walk
from train.nets.cpc import STEP
from train.run import build_net

REPOSITORY = Path(__file__).parents[3]


def change(config, **sections):
    parts = {name: dataclasses.replace(getattr(config, name), **values) for name, values in sections.items()}
    return dataclasses.replace(config, **parts)


def toml(config, path):
    """A configuration written as its TOML file."""
    lines = [f'name = "{config.name}"']
    for section, values in config.as_dict().items():
        if isinstance(values, dict) and section in ("model", "data", "cpc", "optimiser"):
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# recordings


def test_a_folder_is_walked_while_it_is_heard(tmp_path, monkeypatch):
    for folder in range(30):
        (tmp_path / f"{folder:02}").mkdir()
        for number in range(3):
            (tmp_path / f"{folder:02}" / f"{number}.flac").touch()
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or scandir(path))
    first = list(itertools.islice(walk(tmp_path, np.random.default_rng(0)), 4))
    assert len(first) == 4
    assert len(opened) == 3  # the folder itself, and the two that four recordings take
    everything = list(walk(tmp_path, np.random.default_rng(0)))
    assert everything[:4] == first
    assert sorted(everything) == sorted(tmp_path.rglob("*.flac"))
    assert everything != list(walk(tmp_path, np.random.default_rng(1)))


def test_both_sides_and_all_processes_share_out_the_recordings(talk):
    sources = {"talk": open_source(str(talk))}
    parts = {
        (side, rank): {u.path for u in SpeechStream(sources, 0.3, side, rank=rank, world=2).once()}
        for side in ("train", "validation")
        for rank in range(2)
    }
    assert sum(map(len, parts.values())) == 18
    assert set.union(*parts.values()) == set(talk.rglob("*.wav"))


def test_speakers_with_a_name_are_held_out_whole(voices):
    stream = SpeechStream({"voices": open_source(str(voices))}, 0.5, "validation")
    held, everybody = {u.speaker for u in stream.once()}, {"a", "b", "c", "d"}
    assert {speaker.rpartition("/")[2] for speaker in held} < everybody
    assert all(share_of(utterance) < 0.5 for utterance in stream.once())
    assert len(list(stream.once())) == 10 * len(held)


def test_each_source_is_heard_as_often(talk, voices):
    sources = {name: open_source(str(name)) for name in (talk, voices)}
    heard = [u.path.parent for u in itertools.islice(SpeechStream(sources, 0.1), 1000)]
    assert 0.45 < np.mean([voices.parent == folder for folder in heard]) < 0.55


def test_broken_and_short_recordings_are_noted_once(talk):
    reader = FrameReader(LogMel(), least=4 * STEP)
    stream = SpeechStream({"talk": open_source(str(talk))}, 1e-9)
    for _ in range(2):
        frames = [reader.read(utterance) for utterance in stream.once()]
    assert sum(found is None for found in frames) == 2
    assert len(reader.heard.recordings) == 16
    assert [path.name for path in reader.heard.broken] == ["broken.wav"]
    assert "cannot be read as audio" in next(iter(reader.heard.broken.values()))
    assert [path.name for path in reader.heard.short] == ["short.wav"]


def test_a_wav_that_was_cut_off_is_broken_not_short_and_what_is_enough_of_it_is_heard(talk, tmp_path):
    whole = (talk / "part0" / "00.wav").read_bytes()  # 2 s
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 2 * 1600])
    (tmp_path / "long.wav").write_bytes(whole[: 44 + 2 * 16000])
    reader = FrameReader(LogMel(), least=4 * STEP)
    for utterance in SpeechStream({"cut": open_source(str(tmp_path))}, 1e-9).once():
        reader.read(utterance)
    assert [path.name for path, _ in reader.heard.recordings] == ["long.wav"]
    ((path, reason),) = reader.heard.broken.items()
    assert reason == (
        f"{path}: truncated, its header promises 2.00 s and 0.10 s are there; copy or record the file again"
    )
    assert path.name == "cut.wav" and not reader.heard.short


def test_what_memory_has_no_room_for_is_read_again(talk):
    reader = FrameReader(LogMel(), least=STEP, room=0)
    utterance = next(SpeechStream({"talk": open_source(str(talk / "part1"))}, 1e-9).once())
    assert np.array_equal(reader.read(utterance), reader.read(utterance))
    assert len(reader.heard.recordings) == 1


# training


@pytest.fixture(scope="module")
def kept():
    """Folders of finished pre-training, by name."""
    return {}


@pytest.fixture
def finished(predicting, kept, tmp_path_factory):
    """The folder of a finished pre-training."""
    if "path" not in kept:
        kept["path"] = tmp_path_factory.mktemp("pretrained") / "run"
        pretrain(predicting, kept["path"], quiet=True, command="pretrain x")
    return kept["path"]


def test_the_folder_holds_what_was_learnt_and_heard(finished, predicting, talk):
    record = read_record(finished)
    assert np.array(record["accuracy"]).shape == (2, 3)
    assert record["chance"] == round(1 / 9, 4)
    assert (record["broken"], record["short"], record["epochs"]) == (1, 1, 2)
    assert "broken.wav" in (finished / "broken.txt").read_text()
    assert record["hours"] == pytest.approx(2 * 6 * 4 * 1.28 / 3600, abs=6e-4)
    assert record["hours_per_hour"] > 0
    assert record["corpora"][talk.name]["shippable"] == "research only"
    net = checked_net(predicting)
    before = net.encoder.patch.weight.clone()
    load_pretrained(finished, net.encoder)
    assert not torch.equal(net.encoder.patch.weight, before)


def test_a_licence_that_is_stated_later_is_taken_up(talk, predicting, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(talk / "part0", mine)
    config = change(predicting, data={"unlabelled": (str(mine),)}, optimiser={"epochs": 1, "steps": 2})
    pretrain(config, tmp_path / "run", quiet=True)
    before = read_record(tmp_path / "run")
    (mine / "LICENCE").write_text("CC-BY-4.0\n")
    pretrain(config, tmp_path / "run", quiet=True, resume=True)
    after = read_record(tmp_path / "run")
    assert before["corpora"]["mine"]["shippable"] == "research only"
    assert (after["corpora"]["mine"]["licence"], after["corpora"]["mine"]["shippable"]) == ("CC-BY-4.0", "any use")
    for record in (before, after):
        del record["corpora"]["mine"]["licence"], record["corpora"]["mine"]["shippable"]
    assert before == after


def test_it_learns_to_tell_the_future_apart(predicting, tmp_path):
    config = change(predicting, optimiser={"epochs": 6, "steps": 25, "batch": 8})
    pretrain(config, tmp_path / "run", quiet=True)
    accuracy = np.array(read_record(tmp_path / "run")["accuracy"]).mean(axis=1)
    assert accuracy[-1] > 2 / 9  # twice chance
    assert accuracy[-1] > accuracy[0]


def test_a_resumed_run_learns_what_an_unbroken_one_does(finished, predicting, tmp_path, monkeypatch):
    path = tmp_path / "broken off"
    epochs = []
    begin = pretraining.PretrainModule.on_train_epoch_start

    def stop_in_the_second(self):
        epochs.append(self.current_epoch)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        begin(self)

    monkeypatch.setattr(pretraining.PretrainModule, "on_train_epoch_start", stop_in_the_second)
    with pytest.raises(BaseException) as caught:  # Lightning makes a SystemExit of it
        pretrain(predicting, path, quiet=True)
    assert isinstance(caught.value, KeyboardInterrupt | SystemExit)
    assert not (path / "pretrain.json").exists()
    pretrain(predicting, path, quiet=True, resume=True)
    assert epochs == [0, 1, 1]
    one, other = (torch.load(folder / "encoder.pt", weights_only=True)["encoder"] for folder in (finished, path))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert read_record(path)["accuracy"] == read_record(finished)["accuracy"]
    assert (path / "broken.txt").read_text() == (finished / "broken.txt").read_text()


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_last_good(predicting, tmp_path, monkeypatch):
    score = pretraining.PretrainModule.score

    def poisoned(self, batch, generator):
        found = score(self, batch, generator)
        return found._replace(loss=found.loss * float("nan")) if self.global_step == 8 else found

    monkeypatch.setattr(pretraining.PretrainModule, "score", poisoned)
    with pytest.raises(TrainingError, match=r"epoch 2, batch 3 \(\d\d.wav, .*: the loss is no number; .*last.ckpt is"):
        pretrain(predicting, tmp_path, quiet=True)
    weights = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    assert all(torch.isfinite(values).all() for values in weights.values())
    monkeypatch.setattr(pretraining.PretrainModule, "score", score)
    pretrain(predicting, tmp_path, quiet=True, resume=True)
    assert read_record(tmp_path)["epochs"] == 2


def test_a_gradient_that_is_no_number_never_reaches_the_weights(predicting, tmp_path, monkeypatch):
    score = pretraining.PretrainModule.score

    def steep(self, batch, generator):
        found = score(self, batch, generator)
        found.loss.register_hook(lambda gradient: gradient * float("inf"))
        return found

    monkeypatch.setattr(pretraining.PretrainModule, "score", steep)
    with pytest.raises(TrainingError, match=r"epoch 1, batch 1 .*: the gradient is no number; nothing was kept yet"):
        pretrain(predicting, tmp_path, quiet=True)


def test_nothing_to_hear_is_one_clear_line(predicting, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CorpusError, match="no recording to train on"):
        pretrain(change(predicting, data={"unlabelled": (str(empty),)}), tmp_path / "run", quiet=True)
    for number in range(9):
        (empty / f"{number}.wav").write_bytes(b"noise")
    with pytest.raises(CorpusError, match=r"no unlabelled recording can be used: \d broken, 0 too short, such as"):
        pretrain(change(predicting, data={"unlabelled": (str(empty),)}), tmp_path / "run", quiet=True)


def test_a_net_that_does_not_predict_is_refused(predicting):
    with pytest.raises(ConfigurationError, match="names nothing to hear"):
        checked_net(change(predicting, data={"unlabelled": ()}))
    with pytest.raises(ConfigurationError, match='pre-training is for net = "cpc-attention"'):
        checked_net(dataclasses.replace(change(predicting, data={"unlabelled": ()}), net="vgg", net_parameters={}))


def test_an_encoder_of_other_sizes_is_refused(finished, predicting, tmp_path):
    other = build_net(dataclasses.replace(predicting, net_parameters={"width": 24, "context": 24, "heads": 2}))
    with pytest.raises(ConfigurationError, match="its encoder has other sizes"):
        load_pretrained(finished, other.encoder)
    with pytest.raises(ConfigurationError, match="no pre-trained encoder there; make it with edge-ser pretrain"):
        load_pretrained(tmp_path, other.encoder)


# the command


def test_the_command_reports_and_refuses_what_has_changed(predicting, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["edge-ser", "pretrain", "small"])
    config = toml(predicting, tmp_path / "predicting.toml")
    path = tmp_path / "run"
    result = CliRunner().invoke(pretrain_command, [str(config), "--output", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "validation accuracy 1 to 3 steps ahead: 0." in result.output
    assert "1 recording that could not be read, skipped:" in result.output
    assert "broken.wav: cannot be read as audio" in result.output
    refused = CliRunner().invoke(pretrain_command, [str(config), "--output", str(path)])
    assert "holds a run already; add --resume" in str(refused.exception)
    toml(change(predicting, cpc={"ahead": 4}), config)
    refused = CliRunner().invoke(pretrain_command, [str(config), "--output", str(path), "--resume"])
    assert isinstance(refused.exception, ConfigurationError)
    assert "was begun with [cpc] ahead = 3, and it is 4 now" in str(refused.exception)


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_command_says_how_it_goes_on_and_that_is_so(predicting, tmp_path, monkeypatch, epoch):
    begin, epochs = pretraining.PretrainModule.on_train_epoch_start, []

    def stopped(self):
        epochs.append(self.current_epoch)
        if epochs == list(range(epoch + 1)):
            raise KeyboardInterrupt
        begin(self)

    monkeypatch.setattr(pretraining.PretrainModule, "on_train_epoch_start", stopped)
    path, resume = tmp_path / "run", ["--resume"] if epoch else []
    arguments = [str(toml(predicting, tmp_path / "predicting.toml")), "--output", str(path)]
    stopped_off = CliRunner().invoke(pretrain_command, arguments)
    how = "with --resume goes on from the last epoch" if epoch else "begins again: no epoch was finished"
    assert stopped_off.exit_code == 130
    assert stopped_off.stderr.splitlines()[-1] == f"edge-ser: interrupted; the same command {how}"
    assert path.exists() == bool(epoch)
    result = CliRunner().invoke(pretrain_command, [*arguments, *resume], catch_exceptions=False)
    assert result.exit_code == 0
    assert epochs == ([0, 1, 1] if epoch else [0, 0, 1])


@pytest.mark.slow
def test_two_processes_share_the_work(predicting, tmp_path):
    config = toml(predicting, tmp_path / "predicting.toml")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "edge_app", "pretrain", str(config), "--output", str(tmp_path / "run")]
    found = subprocess.run(
        [*command, "--devices", "2", "--threads", "1"],
        env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    record = read_record(tmp_path / "run")
    assert (record["processes"], record["epochs"]) == (2, 2)
    assert record["hours"] == pytest.approx(2 * 2 * 6 * 4 * 1.28 / 3600, abs=6e-4)
    assert np.isfinite(record["accuracy"]).all()
    assert found.stdout.count("h of audio heard") == 1
    assert (record["broken"], record["short"]) == (1, 1)  # one process met them, and all are told
