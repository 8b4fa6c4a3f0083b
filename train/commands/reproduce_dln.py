"""``edge-ser reproduce dln``: the experiment of Leem et al. (Interspeech 2021)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click
import torch
from rich.console import Console
from rich.progress import Progress, track

from edge_app.core.features import EXTRACTORS
from edge_app.errors import ConfigurationError, OutputError
from edge_app.feature_table.sets import RESEARCH_SETS
from train.cache import default_cache
from train.commands.evaluate import write_json
from train.config import load_config
from train.data import data_root
from train.dln.figures import collect
from train.dln.material import Source, build_study
from train.dln.page import render_page
from train.dln.trials import kept_trial, study_digest
from train.figure_files import DLN
from train.nets import NETS
from train.nets.ladder import DecoupledLadderNet

FEATURES = ("egemaps", "logmel", *RESEARCH_SETS)


@click.command()
@click.option("--train", "corpora", multiple=True, default=("emodb", "ravdess", "nemo"), show_default=True,
              help="Corpus, a name or a manifest (.csv), whose speakers get all roles; may be repeated.")  # fmt: skip
@click.option("--noisy", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder that edge-ser record wrote, in place of --train and of simulated scenes.")  # fmt: skip
@click.option("--features", "kind", type=click.Choice(FEATURES), default="egemaps", show_default=True,
              help="Functionals of whole utterances.")  # fmt: skip
@click.option("--config", "name", default="dln-study", show_default=True,
              help="TOML file with net, noise, weights and schedule, or the name of one in train/configs.")  # fmt: skip
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, help="Trainings of each net.")
@click.option("--most", type=click.IntRange(0), default=200, show_default=True,
              help="Utterances of each speaker at most; 0 for all.")  # fmt: skip
@click.option("--judge", type=click.Choice(["test", "development"]), default="test", show_default=True,
              help="Who is judged; development speakers are for choosing settings.")  # fmt: skip
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of roles and scenes.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that compute features.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs"), show_default=True,
              help="Folder of the page dln.md and of the figures in results/.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps computed features.")
def dln(
    corpora: tuple[str, ...],
    noisy: Path | None,
    kind: str,
    name: str,
    trials: int,
    most: int,
    judge: Literal["test", "development"],
    root: Path | None,
    seed: int,
    jobs: int,
    output: Path,
    cache: Path | None,
) -> None:
    """Ladders on noisy speech as of Leem et al. (Interspeech 2021): CCC and UAR at clean, 10, 5 and 0 dB.

    Writes results/dln-FEATURES.json, and then dln.md from all such files that are there. Development speakers are
    judged on the terminal only. Finished trials are kept: a study that is broken off goes on where it was.
    """
    console = Console(stderr=True)
    torch.set_num_threads(1)  # the nets are so small that a second thread costs more than it brings
    config = load_config(name)
    if not issubclass(NETS.get(config.net, object), DecoupledLadderNet):
        raise ConfigurationError(f'--config {name}: its net is {config.net!r}; give one with net = "dln"')
    notice = RESEARCH_SETS[kind].notice if kind in RESEARCH_SETS else None
    if notice:
        click.echo(f"edge-ser: {notice}", err=True)
    cache = cache or default_cache()
    source = Source(data_root(root), cache, noisy, jobs)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        study = build_study(source, corpora, kind, config, most=most, seed=seed, judged=judge, progress=progress)
    digest = study_digest(study)
    results = [
        kept_trial(study, trial, digest, cache)
        for trial in track(range(trials), "trials", console=console, disable=not console.is_terminal)
    ]
    content = {
        "features": kind,
        "digest": EXTRACTORS[kind]().spec.digest if kind in EXTRACTORS else None,
        "notice": notice,
        "recorded": noisy is not None,
        "judged": judge,
        "trials": trials,
        "seed": seed,
        "most": most,
        "mapped": all(utterance.arousal is None for utterance in study.utterances),
        "roles": {
            role: {
                "utterances": len(numbers),
                "speakers": sorted({study.utterances[number].speaker for number in numbers}),
            }
            for role, numbers in study.roles.items()
        },
        "settings": {key: config.as_dict()[key] for key in ("model", "ladder", "optimiser", "loss")},
        **collect(results),
    }
    if judge == "development":
        click.echo(json.dumps(content["means"], indent=1))
        return
    suffix = "-recorded" if noisy is not None else ""
    path = output / "results" / f"dln-{kind}{suffix}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
        studies = [DLN.read(each) for each in sorted(path.parent.glob("dln-*.json"))]
        (output / "dln.md").write_text(render_page(studies), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from None
    click.echo(f"{output / 'dln.md'}: {len(studies)} stud{'y' if len(studies) == 1 else 'ies'}")
