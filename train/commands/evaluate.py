"""``edge-ser evaluate``: measure a bundle on a corpus."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_app.bundle import load_bundle
from edge_app.counted import counted
from edge_app.errors import BackendMissing, ConfigurationError, CorpusError, OutputError
from edge_app.vad import DETECTORS, make_detector
from train.corpora import Utterance, read_corpus
from train.corpora.manifest import is_manifest
from train.evaluation import Level, NoiseCondition, scorable
from train.evaluation import evaluate as run_evaluation
from train.front_errors import measure_front
from train.noise_check import check_noise
from train.noise_curves import DEFAULT_SNRS, measure_curves, parse_snrs, speech_level
from train.noise_kinds import EVERY_KIND, KINDS, make_sources
from train.noise_report import show
from train.noise_streams import spoken_streams


@click.command()
@click.argument("model")
@click.option("--corpus", required=True, metavar="NAME|MANIFEST.csv", help="A known corpus, or a CSV that lists one.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder with the corpora.  [default: EDGE_SER_DATA]")
@click.option("--variant", help="fp32 or int8.  [default: int8 where the bundle has it]")
@click.option(
    "--level", type=click.Choice(get_args(Level)), default="utterance", show_default=True, help="What is decided on."
)
@click.option("--split", help="Only the utterances of this split.")
@click.option("--vad", type=click.Choice(list(DETECTORS)), default="webrtc", show_default=True,
              help="Voice activity detector.")  # fmt: skip
@click.option("--noise", metavar=f"KIND[,KIND]|{EVERY_KIND}|FOLDER", help=f"Noise to add: {', '.join(KINDS)}.")
@click.option("--snr", metavar="DB[,DB]", help=f"Signal-to-noise ratios.  [default: {DEFAULT_SNRS}]")
@click.option("--png", type=click.Path(path_type=Path), metavar="FILE", help="Also draw the curves here.")
@click.option(
    "--baseline",
    default="none",
    show_default=True,
    metavar="none|adaptive[:SECONDS]|one-mood:SECONDS|enrolled:SECONDS|whole",
    help="What the model had heard of a speaker before each utterance, whatever its bundle does by default: with none "
    "a figure depends on the utterance alone.",
)
@click.option(
    "--hold-out",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Neutral speech of each speaker that is not scored.  [default: what --baseline enrols]",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of noise, of what is heard, and of intervals.",
)
@click.option("--json", "output", type=click.Path(path_type=Path), metavar="FILE", help="Also write the figures here.")
def evaluate(
    model: str,
    corpus: str,
    root: Path | None,
    variant: str | None,
    level: Level,
    split: str | None,
    vad: str,
    noise: str | None,
    snr: str | None,
    png: Path | None,
    baseline: str,
    hold_out: float | None,
    seed: int,
    output: Path | None,
) -> None:
    """Measure MODEL on a corpus: UAR, WA, recall, confusion, CCC and calibration, with intervals over speakers.

    MODEL is a bundle's folder, the name of a shipped bundle, or "default". It runs as on a device: voice activity,
    windows, baseline, model; smoothing is off. In a manifest, paths are relative to the CSV file.

    With --noise, noise is added to every utterance: several kinds ("all" for all), or a folder of recordings, at
    several ratios make curves; one kind at one ratio makes the figures above. None of the kinds' recordings is mixed
    in by training with the pattern "[1-4]-*"; where a model has heard them, its curve says so. Beside the curves stand
    the errors of voice activity and of the signal-to-noise ratio that the program tells, on the same noise.

    Utterances that a speaker is enrolled with are not scored. To compare baselines on the same utterances, give the
    same --hold-out with each, as many seconds as the longest enrolment.
    """
    if noise is None and snr is not None:
        raise ConfigurationError("--snr without --noise; give both, as in --noise babble --snr 10")
    ratios = parse_snrs(snr or DEFAULT_SNRS)
    sources = [] if noise is None else make_sources(noise, root)
    single = len(sources) == len(ratios) == 1 and ratios[0] is not None
    if png is not None and png.suffix.lower() != ".png":
        raise ConfigurationError(f"--png {png}: curves are drawn as PNG; give a name that ends in .png")
    if png is not None and (single or not sources):
        raise ConfigurationError("--png without curves to draw; give --noise, as in --noise all, and several ratios")
    if root is not None and is_manifest(corpus) and not sources:
        raise ConfigurationError("--root with a manifest; leave it out, paths are relative to the CSV file")
    for path in (output, png):
        if path is not None and not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: no folder {path.absolute().parent}; make it first")
    if png is not None:
        _require_matplotlib()
    bundle = load_bundle(model)
    utterances = read_corpus(corpus, root)
    if split is not None:
        utterances = _of_split(utterances, split)
    scored = [utterance for utterance in utterances if utterance.label in bundle.labels]
    curves = bool(sources) and not single
    streams = spoken_streams(scored, seed) if curves else []
    for line in check_noise(sources, scorable(utterances, bundle), streams):
        click.echo(f"edge-ser: {line}", err=True)
    measure = functools.partial(
        run_evaluation,
        bundle,
        utterances,
        variant=variant,
        level=level,
        vad=vad,
        baseline=baseline,
        hold_out=hold_out,
        seed=seed,
        progress=_with_bar,
    )
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if curves:
        result = measure_curves(lambda condition: measure(noise=condition), sources, ratios, bundle.manifest)
        front = measure_front(streams, sources, ratios, _detectors(vad), bundle.min_speech, seed)
        result |= {"seed": seed, "speech_level_dbfs": speech_level(scored), "front": front}
    else:
        result = measure(noise=NoiseCondition(sources[0], ratios[0]) if sources and ratios[0] is not None else None)
    if split is not None:
        result["split"] = split
    if output is not None:
        write_json(output, result)
    if png is not None:
        _draw(result, png)
    (show if "curves" in result else _show)(result, console)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def _detectors(chosen: str) -> list[str]:
    """Those whose errors are measured: the chosen one, and all that decide anything and are installed."""
    found = [chosen]
    for name in ("webrtc", "silero"):
        with contextlib.suppress(BackendMissing):
            make_detector(name)
            found.append(name)
    return list(dict.fromkeys(found))


def _require_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise BackendMissing("--png needs matplotlib: run pip install -e '.[eval]' in the repository")


def _draw(result: dict[str, Any], path: Path) -> None:
    from train.noise_plots import draw_curves  # takes a second, and few ask for it

    try:
        draw_curves([result], path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from None


def _of_split(utterances: Sequence[Utterance], split: str) -> list[Utterance]:
    chosen = [utterance for utterance in utterances if utterance.split == split]
    if not chosen:
        names = sorted({utterance.split for utterance in utterances if utterance.split})
        raise CorpusError(f"no utterance of split {split!r}; the corpus has {', '.join(names) or 'no splits'}")
    return chosen


def _with_bar(utterances: Sequence[Utterance]) -> Iterator[Utterance]:
    console = Console(stderr=True)
    yield from track(utterances, "Evaluating", console=console, transient=True, disable=not console.is_terminal)


def _show(result: dict[str, Any], console: Console) -> None:
    noise = result["noise"]
    setting = f", noise {noise['kind']} at {noise['snr_db']:g} dB" if noise else ""
    model = f"{result['model']} {result['version']} ({result['variant']})"
    console.print(f"{model} on {result['corpus']}, by {result['level']}{setting}")
    if result["trained_on_corpus"]:
        console.print(
            "Warning: the model was trained on this corpus, so these figures do not hold for unseen speakers.",
            style="yellow",
        )
    for line in _remarks(result):
        console.print(line)
    console.print(_figures(result))
    console.print(_confusion(result))


def _remarks(result: dict[str, Any]) -> Iterable[str]:
    speakers = result["bootstrap"]["speakers"]
    decided = f"{counted(result['n'], 'window')} of " if result["level"] == "window" else ""
    yield f"{decided}{counted(result['utterances'], 'utterance')}, {counted(speakers, 'speaker')}"
    if (baseline := result["baseline"])["setting"] != "none":
        yield (
            f"Baseline {baseline['setting']}: {baseline['heard']:.0f} s of a speaker heard before an utterance, which "
            f"weigh {baseline['weight']:.0%} (means)"
        )
    if baseline["held"]:
        yield f"Not scored, kept for enrolment: {counted(baseline['held'], 'neutral utterance')}"
    if baseline["without"]:
        yield f"Run without a baseline, no neutral speech to enrol from: {', '.join(baseline['without'])}"
    if result["skipped"]:
        counts = ", ".join(f"{label} {count}" for label, count in result["skipped"].items())
        yield f"Skipped, as the model has no such class: {counts}"
    if without := result["without_speech"]:
        outcome = "judged on what there is" if result["level"] == "utterance" else "left out"
        yield f"With too little speech by voice activity: {counted(without, 'utterance')}, {outcome}"
    if result["too_short"]:
        yield f"Left out, too short for one frame: {counted(result['too_short'], 'utterance')}"
    if absent := [label for label, value in result["recall"].items() if value is None]:
        yield f"Not in the corpus, so not part of UAR: {', '.join(absent)}"
    if note := result["bootstrap"].get("note"):
        yield f"Note: {note}"


def _figures(result: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("figure", justify="right")
    table.add_column("95 % over speakers", justify="right")
    limits = result["interval"]
    table.add_row("UAR", _number(result["uar"]), _range(limits["uar"]))
    table.add_row("WA", _number(result["wa"]), _range(limits["wa"]))
    for name, value in (result["ccc"] or {}).items():
        table.add_row(f"CCC {name} ({result['reference']})", _number(value), _range(limits["ccc"][name]))
    table.add_row("mean confidence", _number(result["confidence"]), "")
    table.add_row("calibration error", _number(result["ece"]), "")
    return table


def _confusion(result: dict[str, Any]) -> Table:
    table = Table(title="rows: truth, columns: decision", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for label in (*result["labels"], "recall"):
        table.add_column(label, justify="right")
    for label, counts in zip(result["labels"], result["confusion"], strict=True):
        table.add_row(label, *map(str, counts), _number(result["recall"][label]))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _range(limits: list[float] | None) -> str:
    return "-" if limits is None else f"{limits[0]:.3f} to {limits[1]:.3f}"
