"""``edge-ser reproduce``: the tables of published papers, with the corpora at hand."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress, track

from edge_app.errors import CorpusError, OutputError
from edge_app.feature_table.sets import RESEARCH_SETS
from train.cache import default_cache
from train.commands.evaluate import write_json
from train.commands.reproduce_cpc import cpc
from train.commands.reproduce_deepcluster import deepemocluster
from train.commands.reproduce_dln import dln
from train.corpora import find_corpus, read_corpus
from train.corpora.manifest import is_manifest
from train.das.features import utterance_functionals
from train.das.plots import scatter_latents
from train.das.protocol import FOLDS, VARIANTS, Normalisation, Study, run_study
from train.das.tables import collect, render_page
from train.figure_files import DAS

FEATURES = ("egemaps", "opensmile-egemaps")


@click.group()
def reproduce() -> None:
    """Reproduce the tables of published papers, with the corpora at hand, ours beside theirs."""


@reproduce.command()
@click.option("--train", "training", multiple=True, default=("ravdess", "nemo"), show_default=True,
              help="Corpus to train on, a name or a manifest (.csv); may be repeated.")  # fmt: skip
@click.option("--transfer", multiple=True, default=("emodb", "urdu"), show_default=True,
              help="Corpus to judge on, a name or a manifest (.csv); may be repeated.")  # fmt: skip
@click.option(
    "--features", "kind", type=click.Choice(FEATURES), default="egemaps", show_default=True, help="Functionals."
)
@click.option("--normalise", type=click.Choice(["corpus", "training"]), default="corpus", show_default=True,
              help="Whose statistics standardise the functionals.")  # fmt: skip
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds, weights and noise.")
@click.option("--epochs", type=click.IntRange(1), default=50, show_default=True, help="Of each encoder.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Encoders trained at once.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs"), show_default=True,
              help="Folder of the page das.md, the plots, and the figures in results/.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps computed features.")
def das(
    training: tuple[str, ...],
    transfer: tuple[str, ...],
    kind: str,
    normalise: Normalisation,
    root: Path | None,
    seed: int,
    epochs: int,
    jobs: int,
    output: Path,
    cache: Path | None,
) -> None:
    """The latent spaces of Das et al. (ICASSP and NLDL 2022): R2, accuracy, rank correlation, overlap, plots.

    Writes results/das-FEATURES-NORMALISE.json and a plot, and then das.md from all such files that are there.
    """
    console = Console(stderr=True)
    notice = RESEARCH_SETS[kind].notice if kind in RESEARCH_SETS else None
    if notice:
        click.echo(f"edge-ser: {notice}", err=True)
    utterances = [
        utterance
        for name in (*training, *transfer)
        for utterance in read_corpus(name, None if is_manifest(name) else root)
        if utterance.label is not None
    ]
    if len({u.path.resolve() for u in utterances if u.start is None}) < sum(u.start is None for u in utterances):
        raise CorpusError("a recording is in two of the corpora; leave one of them out")
    with Progress(console=console, disable=not console.is_terminal) as progress:
        features = utterance_functionals(utterances, kind, cache or default_cache(), jobs, progress)
    own, other = (tuple(find_corpus(name).name for name in part) for part in (training, transfer))
    study = Study(np.nan_to_num(features), utterances, own, other, normalise, seed, epochs)
    total = FOLDS * (len(VARIANTS) + 1)
    found = track(run_study(study, jobs), "encoders", total=total, console=console, disable=not console.is_terminal)
    figures = collect([record for records in found for record in records])
    results, name = output / "results", f"das-{kind}-{normalise}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        scatter_latents(study, VARIANTS, output / f"{name}.png")
        write_json(
            results / f"{name}.json",
            {
                "features": kind,
                "notice": notice,
                "normalisation": normalise,
                "training": list(study.training),
                "transfer": list(study.transfer),
                "folds": FOLDS,
                "seed": seed,
                "epochs": epochs,
                "picture": f"{name}.png",
                "figures": figures,
            },
        )
        studies = [DAS.read(path) for path in sorted(results.glob("das-*.json"))]
        (output / "das.md").write_text(render_page(studies), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from None
    click.echo(f"{output / 'das.md'}: {len(studies)} stud{'y' if len(studies) == 1 else 'ies'}")


reproduce.add_command(dln)
reproduce.add_command(cpc)
reproduce.add_command(deepemocluster)
