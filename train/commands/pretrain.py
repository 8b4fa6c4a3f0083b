"""``edge-ser pretrain``: learn from speech without labels."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click
import torch

from edge_app.counted import counted
from train.config import load_config
from train.cpc.pretraining import Machines, checked_net, machines_rank, pretrain, read_record
from train.resumed import begin, run_folder

LISTED = 10
"""Broken recordings that are named on the terminal; all of them stand in broken.txt."""


@click.command("pretrain")
@click.argument("config")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the encoder; default runs/NAME.")
@click.option("--resume", is_flag=True, help="Continue what was broken off, with the same configuration.")
@click.option("--devices", type=click.IntRange(1), default=1, show_default=True,
              help="Processes on each machine; more than one share the work (DDP).")  # fmt: skip
@click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Machines.")
@click.option("--accelerator", default="cpu", show_default=True, metavar="cpu|gpu|auto", help="What computes.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of each process.")
def pretrain_command(
    config: str,
    root: Path | None,
    output: Path | None,
    resume: bool,
    devices: int,
    nodes: int,
    accelerator: str,
    threads: int,
) -> None:
    """Pre-train the encoder of CONFIG, a TOML file or the name of one in train/configs, by predicting what comes.

    It hears the corpora, manifests and folders of [data] unlabelled, however large: folders are read while they are
    heard. A recogniser begins with the encoder where its configuration has [cpc] pretrained = "runs/NAME".
    """
    torch.set_num_threads(threads)
    experiment = load_config(config)
    checked_net(experiment)
    path = output or Path("runs") / experiment.name
    first = machines_rank() == 0  # the other processes are started by the first, with the same words
    machines = Machines(accelerator, devices, nodes)
    with run_folder(path, resume=resume) if first else nullcontext():
        if first:
            begin(experiment, path / "checkpoints", resume=resume)
        pretrain(experiment, path, root, machines=machines, resume=resume, command=" ".join(sys.argv[1:]))
    if first:
        _report(path)


def _report(path: Path) -> None:
    record = read_record(path)
    accuracy = ", ".join(f"{value:.3f}" for value in record["accuracy"][-1])
    ahead = len(record["accuracy"][-1])
    click.echo(f"{path}: {counted(record['epochs'], 'epoch')}, {record['hours']:.2f} h of audio heard, "
               f"{record['hours_per_hour']:.0f} h in an hour")  # fmt: skip
    click.echo(f"validation accuracy {'1 to ' if ahead > 1 else ''}{counted(ahead, 'step')} ahead: {accuracy} "
               f"(chance {record['chance']:.3f})")  # fmt: skip
    if record["short"]:
        click.echo(f"{counted(record['short'], 'recording')} too short to predict anything in", err=True)
    if record["broken"]:
        click.echo(f"edge-ser: {counted(record['broken'], 'recording')} that could not be read, skipped:", err=True)
        lines = (path / "broken.txt").read_text(encoding="utf-8").splitlines()
        for line in lines[:LISTED]:
            click.echo(f"  {line}", err=True)
        if len(lines) > LISTED:
            click.echo(f"  and {len(lines) - LISTED} more, in {path / 'broken.txt'}", err=True)
