"""``edge-ser reproduce cpc``: the comparison of Li et al. (ICASSP 2021)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from edge_app.core.features import EXTRACTORS
from edge_app.errors import OutputError
from train.cache import default_cache
from train.commands.evaluate import write_json
from train.config import ExperimentConfig, load_config
from train.cpc.figures import collect
from train.cpc.judging import Utterances
from train.cpc.page import render_page
from train.cpc.plots import draw_contexts, mean_contexts, silhouettes
from train.cpc.pretraining import checked_net
from train.cpc.record import load_pretrained
from train.cpc.study import SETTINGS, WEIGHTS, Study, encoder_folder, make_reader, pretrained_record, run_study
from train.data import data_root
from train.dataset import WindowPool
from train.figure_files import CPC
from train.protocols import folds
from train.runner import open_store, read_training_corpora


@click.command()
@click.option("--corpus", "corpora", multiple=True, default=("emodb", "ravdess", "nemo"), show_default=True,
              help="Labelled corpus, a name or a manifest (.csv); may be repeated.")  # fmt: skip
@click.option("--protocol", default="loco", show_default=True, help="loco (leave one corpus out), loso or group-K.")
@click.option("--config", "name", default="cpc-study", show_default=True, help="TOML of the recogniser.")
@click.option("--pretraining", default="cpc-librispeech", show_default=True,
              help="TOML of the encoder; preCPC hears its [data] unlabelled.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Trainings of each setting.")
@click.option("--epochs", type=click.IntRange(1), help="Of the recogniser; default as in its TOML.")
@click.option("--pretraining-epochs", type=click.IntRange(1), help="Of an encoder; default as in its TOML.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of torch.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("docs"), show_default=True,
              help="Folder of the page cpc.md, its picture and of the figures in results/.")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), help="Folder that keeps features, encoders and trials.")
def cpc(
    corpora: tuple[str, ...],
    protocol: str,
    name: str,
    pretraining: str,
    seeds: int,
    epochs: int | None,
    pretraining_epochs: int | None,
    threads: int,
    root: Path | None,
    output: Path,
    cache: Path | None,
) -> None:
    """Sup, jointCPC, miniCPC and preCPC of Li et al. (ICASSP 2021): CCC and UAR, speakers disjoint.

    Writes results/cpc-CORPORA-PROTOCOL.json and a plot, and then cpc.md from all such files that are there. Encoders
    and trials are kept: a study that is broken off goes on where it was.
    """
    console = Console(stderr=True)
    torch.set_num_threads(threads)
    config = _with_epochs(load_config(name), epochs)
    config = replace(config, data=replace(config.data, corpora=corpora))
    encoder = _with_epochs(load_config(pretraining), pretraining_epochs)
    checked_net(encoder)
    cache = cache or default_cache()
    utterances = read_training_corpora(config, root)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        store = open_store(config, utterances, root, cache, progress)
    cut = list(folds(protocol, utterances, data_root(root)))
    study = Study(config, encoder, store, cut, root, cache / "cpc", make_reader(store, encoder))
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("trials", total=len(cut) * (seeds * len(SETTINGS) + len(WEIGHTS)))

        def advance(what: str) -> None:
            progress.update(task, description=what, advance=1)

        try:
            trials = list(run_study(study, range(seeds), advance))
        except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
            click.echo("edge-ser: interrupted; the same command goes on from the last trial", err=True)
            raise click.exceptions.Exit(130) from None
    known = list(dict.fromkeys(utterance.corpus for utterance in utterances))
    suffix = f"{'-'.join(known)}-{protocol}"
    heard = pretrained_record(study, 0)
    results, picture = output / "results", f"cpc-{suffix}.png"
    try:
        results.mkdir(parents=True, exist_ok=True)
        apart = _picture(study, known[0], output / picture)
        write_json(
            results / f"cpc-{suffix}.json",
            {
                "corpora": known,
                "protocol": protocol,
                "mapped": all(utterance.arousal is None for utterance in utterances),
                "steps": config.optimiser.epochs * config.optimiser.steps,
                "batch": config.optimiser.batch,
                "pretraining_steps": encoder.optimiser.epochs * encoder.optimiser.steps,
                "pretraining_batch": encoder.optimiser.batch,
                "pretraining": {
                    "accuracy": heard["accuracy"][-1],
                    "chance": heard["chance"],
                    "hours": heard["hours"],
                    "hours_per_hour": heard["hours_per_hour"],
                    "corpora": sorted(heard["corpora"]),
                },
                "picture": picture,
                "pictured": known[0],
                "silhouette": apart,
                "settings": {key: config.as_dict()[key] for key in ("model", "cpc", "spectrum", "optimiser")},
                "figures": collect(trials),
            },
        )
        studies = [CPC.read(path) for path in sorted(results.glob("cpc-*.json"))]
        (output / "cpc.md").write_text(render_page(studies), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from None
    click.echo(f"{output / 'cpc.md'}: {len(studies)} stud{'y' if len(studies) == 1 else 'ies'}")


def _with_epochs(config: ExperimentConfig, epochs: int | None) -> ExperimentConfig:
    if epochs is None:
        return config
    return replace(config, optimiser=replace(config.optimiser, epochs=epochs))


def _picture(study: Study, corpus: str, path: Path) -> dict[str, float]:
    """Draw the contexts of a corpus as preCPC's encoder gives them before any label; how they fall apart."""
    folder = encoder_folder(study, study.folds[0], "preCPC", 0)
    assert folder is not None
    net = checked_net(study.pretraining)
    load_pretrained(folder, net.encoder)
    labels = study.config.data.labels
    numbers = np.array([n for n, u in enumerate(study.utterances) if u.corpus == corpus and u.label in labels])
    baseline = WindowPool(study.store, numbers, labels).baseline(EXTRACTORS[study.config.data.features]().spec.digest)
    utterances = Utterances(study.store, numbers, labels, baseline)
    contexts = mean_contexts(net.encoder, utterances)
    classes = [str(study.utterances[number].label) for number in utterances.numbers]
    speakers = [study.utterances[number].speaker for number in utterances.numbers]
    draw_contexts(contexts, classes, speakers, path)
    return silhouettes(contexts, classes, speakers)
