"""``edge-ser record``: noisy speech as a telephone, or something worn, records it in a room."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track

from edge_app.core.labels import FOUR_CLASSES, LABELS
from edge_app.counted import counted
from edge_app.errors import CorpusError
from edge_app.interrupts import stop_on_signals
from train.corpora import Utterance, find_corpus, read_corpus
from train.data import data_root
from train.noisy.build import CLEAN, Plan, build
from train.noisy.conversation import ClipPlan, record_clips
from train.noisy.material import KINDS, OF_SOUNDS, OF_VOICES, NoiseMaterial
from train.noisy.places import CONDITIONS, RECEIVERS
from train.noisy.report import as_table, find_achieved, write_page
from train.noisy.sides import SIDES, Side

TALKERS = ("librispeech", "barista")
NOISE = "noise"
INTERRUPTED = 130

corpus_option = click.option("--corpus", required=True, metavar="NAME|MANIFEST.csv", help="Whose speech is played.")
talkers_option = click.option(
    "--talkers",
    multiple=True,
    default=TALKERS,
    show_default=True,
    help="Corpus whose voices are noise; may be repeated.",
)
noise_option = click.option(
    "--noise", type=click.Path(path_type=Path), help="Folder of recorded noise.  [default: noise/ among the corpora]"
)
kind_option = click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), default=tuple(KINDS), show_default=True,
    help="Kind of noise; may be repeated.",
)  # fmt: skip
receiver_option = click.option(
    "--receiver", type=click.Choice(RECEIVERS), default=RECEIVERS[0], show_default=True, help="What records, and where."
)
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
root_option = click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of the corpora; default EDGE_SER_DATA."
)
jobs_option = click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Recordings at once.")


@click.group()
def record() -> None:
    """Record speech beside noise in simulated rooms: a corpus, or long clips with a timeline."""


@record.command()
@corpus_option
@click.option(
    "--condition", "conditions", multiple=True, type=click.Choice([CLEAN, *CONDITIONS]),
    default=(CLEAN, "10dB", "5dB", "0dB"), show_default=True, help="Recording condition; may be repeated.",
)  # fmt: skip
@click.option("--side", "sides", multiple=True, type=click.Choice(SIDES), default=SIDES, show_default=True,
              help="Whose noise and rooms; may be repeated.")  # fmt: skip
@receiver_option
@kind_option
@talkers_option
@noise_option
@root_option
@seed_option
@click.option("--limit", type=click.IntRange(1), help="Only so many utterances, drawn by chance.")
@jobs_option
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the conditions; default runs/noisy/CORPUS.")
@click.option(
    "--markdown", type=click.Path(path_type=Path), metavar="PAGE", help="Put the table of what came out here."
)
def corpus(
    corpus: str,
    conditions: tuple[str, ...],
    sides: tuple[Side, ...],
    receiver: str,
    kinds: tuple[str, ...],
    talkers: tuple[str, ...],
    noise: Path | None,
    root: Path | None,
    seed: int,
    limit: int | None,
    jobs: int,
    output: Path | None,
    markdown: Path | None,
) -> None:
    """Record a corpus in the paper's conditions, into a folder for each, with a manifest that is a corpus itself.

    The noise and the rooms of one side are not those of the other. "clean" is the corpus as it is; "quiet" is the room
    without the noise. What is there already is kept: a build that was broken off goes on when it is run again.
    """
    utterances = list(enumerate(read_corpus(corpus, root)))
    name = find_corpus(corpus).name
    if limit is not None:
        chosen = np.random.default_rng(seed).permutation(len(utterances))[:limit]
        utterances = [utterances[number] for number in np.sort(chosen)]
    output = output or Path("runs") / "noisy" / name
    console = Console(stderr=True)
    plans = [
        Plan(name, condition, side, receiver, _in_order(kinds), seed)
        for condition in dict.fromkeys(conditions)
        for side in (SIDES if condition != CLEAN else SIDES[:1])
        if condition == CLEAN or side in sides
    ]
    materials = read_materials(kinds, talkers, noise, root, {plan.side for plan in plans if plan.condition != CLEAN})
    with stop_on_signals() as stop:
        for plan in plans:
            material = None if plan.condition == CLEAN else materials[plan.side]
            began = time.monotonic()
            try:
                for _ in track(
                    build(utterances, plan, material, output, jobs, stop),
                    str(plan.folder),
                    total=len(utterances),
                    console=console,
                    disable=not console.is_terminal,
                ):
                    pass
            except KeyboardInterrupt:
                _say_interrupted()
            each = (time.monotonic() - began) / len(utterances)
            click.echo(
                f"{output / plan.folder / f'{name}.csv'}: {counted(len(utterances), 'recording')}, {each:.3f} s each"
            )
    table = as_table(find_achieved(output))
    if markdown is not None:
        write_page(markdown, table)
    click.echo(table)


@record.command()
@corpus_option
@click.option("--count", type=click.IntRange(1), default=2, show_default=True, help="How many clips.")
@click.option("--minutes", type=click.FloatRange(0.25, 120), default=5.0, show_default=True, help="How long each is.")
@click.option("--label", "labels", multiple=True, type=click.Choice(LABELS), default=FOUR_CLASSES, show_default=True,
              help="Emotion that is heard; may be repeated.")  # fmt: skip
@click.option("--side", type=click.Choice(SIDES), default="test", show_default=True, help="Whose noise and rooms.")
@receiver_option
@kind_option
@talkers_option
@noise_option
@root_option
@seed_option
@click.option("--output", type=click.Path(path_type=Path), default=Path("runs/noisy/clips"), show_default=True,
              help="Folder of the clips.")  # fmt: skip
def clips(
    corpus: str,
    count: int,
    minutes: float,
    labels: tuple[str, ...],
    side: Side,
    receiver: str,
    kinds: tuple[str, ...],
    talkers: tuple[str, ...],
    noise: Path | None,
    root: Path | None,
    seed: int,
    output: Path,
) -> None:
    """Record long clips: several speakers and emotions in turn, pauses, noise that changes; each with its timeline.

    Writes CORPUS-N.flac and CORPUS-N.csv (start, end, speaker, emotion or pause, noise, achieved SNR), for
    "edge-ser bench --clip". Clips that are there already are kept.
    """
    utterances = [utterance for utterance in read_corpus(corpus, root) if utterance.label in labels]
    plan = ClipPlan(find_corpus(corpus).name, labels, minutes, side, receiver, _in_order(kinds), seed)
    material = read_materials(kinds, talkers, noise, root, {side})[side]
    with stop_on_signals() as stop:
        try:
            for path, seconds in record_clips(utterances, plan, material, count, output, stop):
                click.echo(f"{path}: {minutes:g} min, {seconds:.1f} s")
        except KeyboardInterrupt:
            _say_interrupted()


def read_materials(
    kinds: Sequence[str], talkers: Sequence[str], noise: Path | None, root: Path | None, sides: set[Side]
) -> dict[Side, NoiseMaterial]:
    """What noise of some kinds can be made of on each side.

    Raises:
        CorpusError: corpora or recordings are missing.
    """
    spoken: list[Utterance] = []
    folder = None
    if sides and not set(kinds).isdisjoint(OF_VOICES):
        spoken = [utterance for name in talkers for utterance in read_corpus(name, _root_of(name, root))]
    if sides and not set(kinds).isdisjoint(OF_SOUNDS):
        folder = noise or data_root(root) / NOISE
        if not folder.is_dir():
            raise CorpusError(f"{folder}: no such folder; --noise must hold recordings of noise")
    return {side: NoiseMaterial(side, spoken, folder) for side in sorted(sides)}


def _in_order(kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if kind in kinds)


def _root_of(name: str, root: Path | None) -> Path | None:
    return None if Path(name).exists() else root


def _say_interrupted() -> None:
    click.echo("edge-ser: interrupted; the same command goes on from here", err=True)
    raise click.exceptions.Exit(INTERRUPTED) from None
