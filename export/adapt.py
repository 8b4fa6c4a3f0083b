"""``edge-ser adapt``: from a run of a ladder and features of a place to a run and a bundle that know the place."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import torch
from rich.progress import Progress

from edge_app.collected import read_collected
from edge_app.counted import counted
from edge_app.errors import ConfigurationError
from export.bundle import ExportSettings, check_place, export_bundle
from export.command import MODELS
from export.licence import licence_of
from train.adapt import AdaptationSettings, Adapted, Judgement, adapt, check_run, harm, place_rows
from train.cache import default_cache
from train.protocols import split_validation
from train.resumed import run_folder
from train.run import load_run
from train.runner import Sides, read_training_corpora
from train.tabular import open_table

THREADS = 2
DEFAULTS = AdaptationSettings()


@click.command("adapt")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--unlabelled", type=click.Path(path_type=Path), multiple=True, required=True, metavar="FILE",
              help="Features that edge-ser collect stored; repeat for more.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1, 1000), default=DEFAULTS.epochs, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=DEFAULTS.seed, show_default=True)
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True), default=DEFAULTS.rate, show_default=True,
              help="Learning rate.")  # fmt: skip
@click.option("--name", help="Name of the new run and model; default that of RUN with -adapted.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the new run; default runs/NAME.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Folder of its bundle; default models/NAME.")
@click.option("--quantize", type=click.Choice(["int8"]), help="Also write a quantised variant.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps computed features.")
@click.option("--research-only", is_flag=True, help="As for edge-ser export.")
@click.option("--force", is_flag=True, help="As for edge-ser export: replace a bundle that is there.")
@click.option("--resume", is_flag=True, help="Continue an adaptation that was broken off.")
def adapt_command(
    run: Path,
    unlabelled: tuple[Path, ...],
    epochs: int,
    seed: int,
    rate: float,
    name: str | None,
    output: Path | None,
    bundle: Path | None,
    quantize: str | None,
    root: Path | None,
    cache: Path | None,
    research_only: bool,
    force: bool,
    resume: bool,
) -> None:
    """Adapt RUN, a ladder of edge-ser train, to a place: without labels, it reconstructs what was collected there.

    RUN stays as it is. The labelled speech that it was trained on is used beside the features, so its corpora must be
    there. What it was adapted with, and how it did before and after, stands in the bundle and its card.
    """
    torch.set_num_threads(THREADS)
    finished = load_run(run)
    check_run(finished)
    licence_of(finished.record["corpora"], research_only=research_only)  # what forbids the bundle, before the training
    files = {path: read_collected(path) for path in unlabelled}
    place_rows(finished, files)
    name = name or f"{finished.config.name}-adapted"
    if Path(name).name != name:
        raise ConfigurationError(f"--name {name!r}: a name holds no folders; use --output and --bundle for the places")
    path, shipped = output or Path("runs") / name, bundle or MODELS / name
    check_place(shipped, "--bundle", replace=force)
    settings = AdaptationSettings(epochs, seed, rate)
    windows = sum(len(found.values) for found in files.values())
    data, seed_of_run = finished.config.data, finished.config.optimiser.seed
    with run_folder(path, resume=resume):
        places = ", ".join(found.origin.place for found in files.values())
        click.echo(f"{counted(windows, 'window')} of {places}, and beside them the labelled speech of "
                   f"{', '.join(data.corpora)}", err=True)  # fmt: skip
        utterances = read_training_corpora(finished.config, root)
        with Progress() as progress:
            table = open_table(finished.config, utterances, root, cache or default_cache(), progress)
        sides = Sides(*split_validation(utterances, data.validation_share, seed_of_run))
        command = " ".join(sys.argv[1:])
        found = adapt(finished, files, table, sides, path, name, settings, resume=resume, command=command)
    export_bundle(
        found.run, shipped, ExportSettings(name=name, quantise=quantize is not None, research_only=research_only)
    )
    _report(found, path, shipped)


def _report(found: Adapted, path: Path, shipped: Path) -> None:
    before, after = found.before, found.after
    click.echo(f"{path}: adapted; {shipped}: its bundle")
    click.echo(f"on {counted(after.utterances, 'utterance')} of the validation speakers, before and after:")
    click.echo(f"  UAR {before.uar:.3f} -> {after.uar:.3f}")
    click.echo(f"  CCC {_ccc(before)} -> {_ccc(after)} (arousal / valence / dominance)")
    click.echo(f"reconstruction of the place: loss {before.reconstruction:.4f} -> {after.reconstruction:.4f}")
    if worse := harm(before, after):
        click.echo(f"edge-ser: this adaptation may do harm: {worse}; its card says so", err=True)


def _ccc(judgement: Judgement) -> str:
    return " / ".join(f"{value:.2f}" for value in judgement.ccc.values())
