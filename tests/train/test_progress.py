"""A log of a training shows that it goes on: one line for each epoch, whatever net it is."""

from __future__ import annotations

import re
import sys

import lightning
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from torch.utils.data import DataLoader, TensorDataset

from edge_app.cli import cli
from train.crossval import Plan, cross_validate
from train.progress import EpochLines, shows_bar, training_progress
from train.runner import train
from train.tabular import train_table

LINE = re.compile(r"epoch (\d+) of (\d+): loss (\d+\.\d{4})(?:; validation (.*))?; \d+\.\d s")


class Numbers(lightning.LightningModule):
    """The loss of a batch is its mean; the judgement of an epoch is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, batch_index):
        return batch[0].mean() + 0 * self.weight.sum()

    def validation_step(self, batch, batch_index):
        self.log("val_uar", 0.25 + self.current_epoch / 8, batch_size=1)
        self.log("val_accuracy/3", 0.9, batch_size=1)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec")
def test_a_line_says_the_mean_loss_and_the_validation(capsys):
    batches = DataLoader(TensorDataset(torch.tensor([1.0, 2.0, 4.5])))
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[EpochLines()], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(Numbers(), batches, DataLoader(TensorDataset(torch.zeros(1))))
    out, err = capsys.readouterr()
    found = [LINE.fullmatch(line).groups() for line in err.splitlines() if line.startswith("epoch")]
    assert found == [("1", "2", "2.5000", "UAR 0.250"), ("2", "2", "2.5000", "UAR 0.375")]
    assert "epoch 1" not in out


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*LeafSpec")
def test_whoever_reads_the_line_of_an_epoch_can_go_on_from_there(tmp_path, monkeypatch):
    found = []

    def echo(line, err):
        kept = torch.load(tmp_path / "last.ckpt", weights_only=False)
        found.append((LINE.fullmatch(line)[1], kept["epoch"]))

    monkeypatch.setattr("train.progress.click.echo", echo)
    keep = ModelCheckpoint(tmp_path, "last", enable_version_counter=False)
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[keep, EpochLines()], logger=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    data = DataLoader(TensorDataset(torch.zeros(3)))
    trainer.fit(Numbers(), data, DataLoader(TensorDataset(torch.zeros(1))))
    assert found == [("1", 0), ("2", 1)]


def test_a_terminal_has_a_bar_and_a_log_has_lines(monkeypatch):
    assert training_progress(quiet=True) == []
    assert not shows_bar(training_progress(quiet=True))
    for terminal, kind in ((True, RichProgressBar), (False, EpochLines)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        (callback,) = training_progress()
        assert isinstance(callback, kind)
        assert shows_bar([callback]) == terminal


def epochs(err):
    return [LINE.fullmatch(line).groups() for line in err.splitlines() if line.startswith("epoch")]


def test_a_net_of_frames(small, voices, tmp_path, capsys):
    run = train(small, tmp_path / "run", voices.parent, tmp_path / "cache")
    found = epochs(capsys.readouterr().err)
    assert [(number, of) for number, of, *_ in found] == [("1", "2"), ("2", "2")]
    best = max(float(judged.removeprefix("UAR ")) for *_, judged in found)
    assert best == pytest.approx(run.record["validation"]["uar"], abs=5e-4)


def test_a_net_of_functionals(small_table, voices, tmp_path, capsys):
    train_table(small_table, tmp_path / "run", voices.parent, tmp_path / "cache")
    found = epochs(capsys.readouterr().err)
    assert [(number, of, judged) for number, of, _, judged in found] == [(str(n), "4", None) for n in (1, 2, 3, 4)]
    assert float(found[-1][2]) < float(found[0][2])


def test_a_resumed_training_counts_on(small, voices, tmp_path, capsys, monkeypatch):
    from train.dataset import BalancedBatches

    whole = BalancedBatches._batch

    def breaks(self, rng, generator):
        if self.epoch == 1:
            raise KeyError("power cut")
        return whole(self, rng, generator)

    monkeypatch.setattr(BalancedBatches, "_batch", breaks)
    with pytest.raises(KeyError):
        train(small, tmp_path / "run", voices.parent, tmp_path / "cache")
    monkeypatch.undo()
    assert [number for number, *_ in epochs(capsys.readouterr().err)] == ["1"]
    train(small, tmp_path / "run", voices.parent, tmp_path / "cache", resume=True)
    assert [number for number, *_ in epochs(capsys.readouterr().err)] == ["2"]


def test_folds_of_a_cross_validation_are_counted_by_it_alone(small, voices, tmp_path, capfd):
    plan = Plan(small, (str(voices),), "group-2", (), voices.parent, tmp_path / "cache", tmp_path / "folds")
    assert len(list(cross_validate(plan, 1))) == 2
    assert "epoch 1" not in capfd.readouterr().err


def test_the_command_writes_them_on_standard_error(voices, tmp_path):
    toml = tmp_path / "small.toml"
    toml.write_text(
        f'name = "small"\n[model]\nnet = "chunk-cnn"\nwidth = 8\n[data]\ncorpora = ["{voices}"]\n'
        "[waveform]\ncopies = 0\n[optimiser]\nepochs = 1\nsteps = 2\nbatch = 8\n",
        encoding="utf-8",
    )
    arguments = ["train", toml, "--root", voices.parent, "--output", tmp_path / "run", "--cache", tmp_path]
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert "epoch 1 of 1" not in done.stdout
    assert [number for number, *_ in epochs(done.stderr)] == ["1"]
