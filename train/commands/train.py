"""``edge-ser train``: one experiment, from its TOML to a run folder."""

from __future__ import annotations

from pathlib import Path

import click
import torch

from edge_app.counted import counted
from train.cache import default_cache
from train.config import load_config
from train.cpc.training import train_stream
from train.deepcluster.training import train_clusters
from train.resumed import run_folder
from train.run import build_net, feature_shape
from train.runner import train as train_frames
from train.tabular import train_table


@click.command()
@click.argument("config")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the run; default runs/NAME.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps computed features.")
@click.option("--resume", is_flag=True, help="Continue a run that was broken off.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Processor threads; 1 for each of several trainings at once.",
)
def train(config: str, root: Path | None, output: Path | None, cache: Path | None, resume: bool, threads: int) -> None:
    """Train CONFIG, a TOML file or the name of one in train/configs, and write a run folder.

    A net of frames keeps the weights that did best on its validation speakers; one of functionals trains for all its
    epochs. Turn the run into a model bundle with ``edge-ser export``.
    """
    torch.set_num_threads(threads)
    experiment = load_config(config)
    path = output or Path("runs") / experiment.name
    net = build_net(experiment)
    train_experiment = train_table if len(feature_shape(experiment.data.features)) == 1 else train_frames
    if experiment.cluster.count:
        train_experiment = train_clusters
    elif net.reads == "stream":
        train_experiment = train_stream
    with run_folder(path, resume=resume):
        run = train_experiment(experiment, path, root, cache or default_cache(), resume=resume)
    figures = run.record["validation"]
    judged = counted(figures["utterances"], "utterance")
    click.echo(f"{path}: UAR {figures['uar']:.3f} on {judged} of the validation speakers")
    click.echo(f"next: edge-ser export {path} --quantize int8")
