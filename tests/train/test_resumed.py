"""What a training that is begun again may find in its folder."""

from __future__ import annotations

import dataclasses
import json

import pytest

torch = pytest.importorskip("torch")

from click.exceptions import Exit  # noqa: E402

from edge_app.errors import ConfigurationError, OutputError  # noqa: E402
from train.config import OptimiserConfig, parse_config  # noqa: E402
from train.resumed import begin, occupied, run_folder  # noqa: E402
from train.whole import whole  # noqa: E402


@pytest.fixture
def config():
    return parse_config({"name": "x", "model": {"net": "chunk-cnn"}, "data": {}}, "test")


def changed(config):
    return dataclasses.replace(config, optimiser=OptimiserConfig(rate=0.5))


def test_a_start_without_a_checkpoint_is_no_run_and_can_be_begun_otherwise(config, tmp_path):
    run = tmp_path / "run"
    begin(config, run / "checkpoints", resume=False)
    (run / "tensorboard").mkdir()
    assert not occupied(run)
    begin(changed(config), run / "checkpoints", resume=True)
    assert json.loads((run / "checkpoints" / "begun.json").read_text())["optimiser"]["rate"] == 0.5


@pytest.mark.parametrize("damage", ["cut", "zeros", "flipped", "whole"])
def test_damaged_weights_are_told_by_their_name(tmp_path, damage):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {"weight": torch.arange(5000.0)}}, path)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"cut": content[:5000], "zeros": bytes(5000)}.get(damage, bytes(content)))
    if damage == "whole":
        assert whole(path) == path
        return
    with pytest.raises(ConfigurationError, match=r"last.ckpt: cut off or damaged; remove the folder"):
        whole(path)


def test_a_first_epoch_broken_off_is_no_run(config, tmp_path):
    run = tmp_path / "run"
    begin(config, run / "checkpoints", resume=False)
    (run / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    assert not occupied(run)


def test_a_run_goes_on_only_as_it_began(config, tmp_path):
    run = tmp_path / "run"
    begin(config, run / "checkpoints", resume=False)
    (run / "checkpoints" / "last.ckpt").write_bytes(b"weights")
    assert occupied(run)
    begin(config, run / "checkpoints", resume=True)
    with pytest.raises(ConfigurationError, match=r"begun with \[optimiser\] rate = 0.003, and it is 0.5 now"):
        begin(changed(config), run / "checkpoints", resume=True)


@pytest.mark.parametrize("cause", [ConfigurationError("no such corpus"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("there", [True, False])
def test_a_start_that_came_to_no_checkpoint_leaves_no_folder_that_was_not_there(config, tmp_path, capsys, cause, there):
    run = tmp_path / "runs" / "x"
    if there:
        run.mkdir(parents=True)
    with pytest.raises(ConfigurationError if isinstance(cause, ConfigurationError) else Exit) as ended:  # noqa: SIM117
        with run_folder(run, resume=False):
            begin(config, run / "checkpoints", resume=False)
            (run / "tensorboard").mkdir()
            raise cause
    assert run.exists() == there
    told = "edge-ser: interrupted; the same command begins again: no epoch was finished\n"
    assert capsys.readouterr().err == ("" if ended.value is cause else told)
    with run_folder(run, resume=False):
        pass


@pytest.mark.parametrize("cause", [ConfigurationError("the loss is no number"), KeyboardInterrupt(), KeyError("a bug")])
def test_what_can_be_gone_on_with_is_kept(config, tmp_path, capsys, cause):
    run = tmp_path / "run"
    with pytest.raises((ConfigurationError, Exit, KeyError)) as ended, run_folder(run, resume=False):
        begin(config, run / "checkpoints", resume=False)
        if not isinstance(cause, KeyError):
            (run / "checkpoints" / "last.ckpt").write_bytes(b"weights")
        raise cause
    assert (run / "checkpoints" / "begun.json").is_file()
    if isinstance(ended.value, Exit):
        assert ended.value.exit_code == 130
        told = "edge-ser: interrupted; the same command with --resume goes on from the last epoch\n"
        assert capsys.readouterr().err == told
        with (
            pytest.raises(ConfigurationError, match="holds a run already; add --resume"),
            run_folder(run, resume=False),
        ):
            pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="choose another --output"),
        run_folder(tmp_path / "file" / "run", resume=False),
    ):
        pass


@pytest.mark.parametrize("name", ["run.json", "weights.pt"])
def test_anything_else_in_the_folder_is_not_written_over(config, tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert occupied(tmp_path)
    assert not occupied(tmp_path / "not-there")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("batch", 0, "must be at least 1"), ("epochs", -1, "must be at least 1"), ("steps", 0, "must be at least 1"),
        ("patience", 0, "must be at least 1"), ("rate", float("nan"), "must be above 0"), ("rate", -1.0, "above 0"),
        ("rate", float("inf"), "must be above 0"), ("weight_decay", -0.1, "must not be negative"),
        ("average", 1.0, "below 1"), ("average", float("nan"), "below 1"), ("seed", -1, "must lie between 0"),
        ("seed", 2**32, "must lie between 0"),
    ],
)  # fmt: skip
def test_settings_that_cannot_train_are_refused(key, value, words):
    with pytest.raises(ConfigurationError, match=rf"\[optimiser\] {key} = .*{words}"):
        parse_config({"name": "x", "model": {"net": "chunk-cnn"}, "data": {}, "optimiser": {key: value}}, "test")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("waveform", "copies", -1), ("waveform", "rooms", 0), ("waveform", "noise_probability", 1.5),
        ("waveform", "snr_low", 30.0), ("waveform", "gain_high", float("nan")), ("spectrum", "shift", -1.0),
        ("spectrum", "mixup", float("nan")), ("spectrum", "stretch", 1.0), ("cluster", "longest", 0.3),
    ],
)  # fmt: skip
def test_augmentation_and_chunks_out_of_range_are_refused(section, key, value):
    with pytest.raises(ConfigurationError, match=rf"\[{section}\] .*{key}"):
        parse_config({"name": "x", "model": {"net": "vgg"}, "data": {}, section: {key: value}}, "test")
