"""``edge-ser reproduce deepemocluster``: the experiment of Lin, Sridhar and Busso (ICASSP 2021)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import Progress, track

from edge_app.errors import OutputError
from train.cache import default_cache
from train.commands.evaluate import write_json
from train.config import load_config
from train.deepcluster.experiment import ALONE, REFERENCE, SEMI, SUPERVISED, VARIANTS
from train.deepcluster.figures import collect
from train.deepcluster.material import build_study
from train.deepcluster.page import render_page
from train.deepcluster.plots import draw_clusters
from train.deepcluster.training import report_broken
from train.deepcluster.trials import kept_result, study_digest

NAME = "deepemocluster"
TITLES = {ALONE: "Clusters alone", SUPERVISED: "Clusters and emotion", SEMI: "The same, with unlabelled speech"}


@click.command()
@click.option("--train", "corpora", multiple=True, help="Corpus, a name or a manifest (.csv), whose speakers get all "
              "roles; may be repeated.  [default: the configuration's]")  # fmt: skip
@click.option("--unlabelled", multiple=True, help="Corpus, manifest or folder that is heard without labels, besides "
              "the speakers who have that role; may be repeated.  [default: the configuration's]")  # fmt: skip
@click.option("--config", "name", default="deepemocluster-study", show_default=True,
              help="TOML file with net, clusters and schedule, or the name of one in train/configs.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Trainings of each variant.")
@click.option("--epochs", type=click.IntRange(1), help="Of each training at most.  [default: the configuration's]")
@click.option("--most", type=click.IntRange(0), default=60, show_default=True,
              help="Utterances of each labelled speaker at most; 0 for all.")  # fmt: skip
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of roles; trainings count from it.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs"), show_default=True,
              help=f"Folder of the page {NAME}.md, its picture, and the figures in results/.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps frames and finished trainings.")
def deepemocluster(
    corpora: tuple[str, ...],
    unlabelled: tuple[str, ...],
    name: str,
    seeds: int,
    epochs: int | None,
    most: int,
    root: Path | None,
    seed: int,
    output: Path,
    cache: Path | None,
) -> None:
    """Clusters as pseudo-labels, of Lin, Sridhar and Busso (ICASSP 2021): CCC, and what the clusters are about.

    Writes results/deepemocluster.json, a picture, and deepemocluster.md. Finished trainings are kept: a study that is
    broken off goes on where it was.
    """
    console = Console(stderr=True)
    torch.set_num_threads(1)  # the nets are so small that a second thread costs more than it brings
    config = load_config(name)
    data = dataclasses.replace(
        config.data, corpora=corpora or config.data.corpora, unlabelled=unlabelled or config.data.unlabelled
    )
    optimiser = dataclasses.replace(config.optimiser, epochs=epochs or config.optimiser.epochs)
    config = dataclasses.replace(config, data=data, optimiser=optimiser)
    cache = cache or default_cache()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        study, broken = build_study(config, root, cache, most=most, seed=seed, progress=progress)
    report_broken(broken)
    digest = study_digest(study)
    jobs = [(variant, number) for number in range(seed, seed + seeds) for variant in VARIANTS]
    results = [
        kept_result(study, variant, number, digest, cache)
        for variant, number in track(jobs, "trainings", console=console, disable=not console.is_terminal)
    ]
    utterances = study.store.utterances
    content = {
        "config": config.name,
        "seeds": seeds,
        "seed": seed,
        "most": most,
        "mapped": all(utterance.arousal is None for utterance in utterances),
        "roles": {
            role: {"utterances": len(numbers), "speakers": sorted({utterances[n].speaker for n in numbers})}
            for role, numbers in study.roles.items()
        },
        "unlabelled": len(study.unlabelled.utterances),
        "broken": len(broken),
        "settings": {key: config.as_dict()[key] for key in ("model", "data", "cluster", "optimiser", "loss")},
        "reference": REFERENCE,
        "picture": f"{NAME}-clusters.png",
        "shown": seed,
        **collect(results),
    }
    shown = {
        TITLES[result["variant"]]: result["clusters"]
        for variant in TITLES
        for result in results
        if result["variant"] == variant and result["seed"] == seed
    }
    try:
        (output / "results").mkdir(parents=True, exist_ok=True)
        draw_clusters(shown, output / f"{NAME}-clusters.png")
        write_json(output / "results" / f"{NAME}.json", content)
        (output / f"{NAME}.md").write_text(render_page(content), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from None
    click.echo(f"{output / f'{NAME}.md'}: {len(VARIANTS)} variants, {seeds} training{'s' if seeds > 1 else ''} of each")
