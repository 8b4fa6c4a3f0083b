"""``edge-ser crossval``: train and test with speakers disjoint."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from edge_app.counted import counted
from edge_app.errors import ConfigurationError
from train.cache import default_cache
from train.commands.evaluate import write_json
from train.config import load_config
from train.crossval import Plan, cross_validate, score_folds
from train.data import data_root
from train.fold_curves import fold_curves, tested_utterances
from train.noise_check import check_noise
from train.noise_curves import DEFAULT_SNRS, parse_snrs
from train.noise_kinds import EVERY_KIND, KINDS, make_sources
from train.noise_report import show
from train.run import build_net


@click.command()
@click.argument("config")
@click.option(
    "--corpus", "corpora", multiple=True, required=True, help="Corpus to test on: a name, or a manifest (.csv)."
)
@click.option("--protocol", default="loso", show_default=True, help="loso, loco, emobox, or group-K.")
@click.option("--also", multiple=True, help="Corpus that trains in every fold too; may be repeated.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--seed", type=int, help="Seed; default the configuration's.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Folds worked on at once.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Folder of the folds; default runs/NAME-CORPUS-PROTOCOL."
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps computed features.")
@click.option("--noise", metavar=f"KIND[,KIND]|{EVERY_KIND}|FOLDER", help=f"Noise to add: {', '.join(KINDS)}.")
@click.option("--snr", metavar="DB[,DB]", help=f"Signal-to-noise ratios.  [default: {DEFAULT_SNRS}]")
@click.option("--curves", type=click.Path(path_type=Path), help="File for the curves of --noise (JSON).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for the figures.")
def crossval(
    config: str,
    corpora: tuple[str, ...],
    protocol: str,
    also: tuple[str, ...],
    root: Path | None,
    seed: int | None,
    jobs: int,
    output: Path | None,
    cache: Path | None,
    noise: str | None,
    snr: str | None,
    curves: Path | None,
    json_file: Path | None,
) -> None:
    """Train CONFIG once per fold of a corpus and report the figures over all test utterances.

    The protocols: ``loso`` leaves one speaker out, ``group-K`` tests K groups of speakers in turn, ``loco`` leaves one
    of several corpora out, ``emobox`` takes the EmoBox benchmark's folds. Speakers are disjoint between training and
    test, except under ``emobox``, whose published folds are not. Within each fold some training speakers are kept for
    early stopping. Finished folds are kept: a run that was broken off goes on when the command is given again.

    With --noise the nets of all folds are then measured again on their test utterances under noise, as
    ``edge-ser evaluate --noise`` measures a bundle, but on speakers who did not train.
    """
    if noise is None and (snr is not None or curves is not None):
        raise ConfigurationError("--snr or --curves without --noise; give it, too, as in --noise babble")
    ratios = parse_snrs(snr or DEFAULT_SNRS)
    sources = [] if noise is None else make_sources(noise, root)
    if shared := set(corpora) & set(also):
        raise ConfigurationError(f"--also {sorted(shared)[0]}: its speakers would be on both sides; leave it out")
    experiment = load_config(config)
    if build_net(experiment).reads == "stream":
        raise ConfigurationError(
            f"{config}: its net reads a stream; edge-ser train trains it, edge-ser reproduce cpc cross-validates it"
        )
    if experiment.cluster.count:
        raise ConfigurationError(f"{config}: only edge-ser train learns clusters; set [cluster] count = 0 here")
    if seed is not None:
        experiment = experiment.with_seed(seed)
    tested = "-".join(Path(corpus).stem for corpus in corpora)
    path = output or Path("runs") / f"{experiment.name}-{tested}-{protocol}-{experiment.optimiser.seed}"
    plan = Plan(experiment, corpora, protocol, also, data_root(root), cache or default_cache(), path)
    if sources:
        for line in check_noise(sources, tested_utterances(plan)):
            click.echo(f"edge-ser: {line}", err=True)
    console = Console(stderr=True)
    results = []
    for fold, result in track(cross_validate(plan, jobs), "folds", console=console, disable=not console.is_terminal):
        results.append(result)
        click.echo(f"{fold.name}: UAR {result['uar']:.3f} ({counted(len(result['rows']), 'utterance')})")
    figures = score_folds(plan, results)
    low, high = figures["interval"]["uar"] or (float("nan"), float("nan"))
    mark = "" if figures["speaker_independent"] else "  (speakers on BOTH sides: for comparison with EmoBox only)"
    click.echo(f"UAR {figures['uar']:.3f}  [{low:.3f}, {high:.3f}]  WA {figures['wa']:.3f}  n {figures['n']}{mark}")
    for label, recall in figures["recall"].items():
        click.echo(f"  {label:<10} {recall:.3f}")
    if json_file is not None:
        partial = json_file.with_name(json_file.name + ".part")
        partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        partial.rename(json_file)
    if sources:
        measured = fold_curves(plan, sources, ratios, experiment.optimiser.seed)
        if curves is not None:
            write_json(curves, measured)
        show(measured, Console(highlight=False, markup=False, soft_wrap=True))
