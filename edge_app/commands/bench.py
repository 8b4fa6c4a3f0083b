"""``edge-ser bench``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edge_app.bench import BENCHES, run_bench
from edge_app.bench.figures import STARTS, UPDATES, Figure, Subject
from edge_app.bench.machine import describe_machine
from edge_app.bench.report import as_json, as_markdown, shown, write_report
from edge_app.bundle import load_bundle
from edge_app.demo import CLIP, DESCRIPTION
from edge_app.errors import ConfigurationError

CLIP_BENCH = "clip"
NOT_BY_DEFAULT = ("hour", CLIP_BENCH)


@click.command(short_help="Measure latency, memory and start-up on this machine.")
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)), metavar="[NAME]...")
@click.option("--model", default="default", show_default=True, help="Name or folder of a model bundle.")
@click.option(
    "--input",
    "speech",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Speech to measure with. Default: the demo clip.",
)
@click.option(
    "--updates", type=click.IntRange(min=1), default=UPDATES, show_default=True, help="How many updates are timed."
)
@click.option(
    "--starts", type=click.IntRange(min=1), default=STARTS, show_default=True, help="How many processes are started."
)
@click.option("--clip", type=click.Path(path_type=Path), metavar="FILE", help="A recording to run once, for clip.")
@click.option(
    "--timeline", type=click.Path(path_type=Path), metavar="FILE", help="What is true of the clip, as CSV; for clip."
)
@click.option("--realtime", is_flag=True, help="Play the clip at the pace of the clock; for clip.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the figures as JSON.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write them as a page.")  # fmt: skip
def bench(
    names: tuple[str, ...],
    model: str,
    speech: Path | None,
    updates: int,
    starts: int,
    clip: Path | None,
    timeline: Path | None,
    realtime: bool,
    json_file: Path | None,
    markdown: Path | None,
) -> None:
    """Measure what this machine needs, on one core: medians, 95th and 99th percentiles.

    NAME is one or more of update, peer and egemaps (against openSMILE, where it is installed), startup, memory, size,
    hour (an hour of speech at full speed, which takes 115 MB of temporary disk) and clip (the recording that --clip
    names, which is all that is measured when no NAME is given with it). Without any, all but hour and clip.
    """
    chosen = names or ((CLIP_BENCH,) if clip else tuple(name for name in BENCHES if name not in NOT_BY_DEFAULT))
    if CLIP_BENCH not in chosen and (clip or timeline or realtime):
        given = "--clip" if clip else "--timeline" if timeline else "--realtime"
        raise ConfigurationError(f"{given} is for the benchmark clip; name it, or give --clip FILE alone")
    if CLIP_BENCH in chosen and clip is None:
        raise ConfigurationError("the benchmark clip needs a recording; give --clip FILE")
    subject = Subject(model, speech or CLIP, updates, starts, clip=clip, timeline=timeline, realtime=realtime)
    bundle = load_bundle(model)
    machine = describe_machine()
    heard = _heard(chosen, speech, clip)
    click.echo(f"{bundle.name} {bundle.version} hearing {heard}; {machine['processor']}, {machine['cores']} cores")
    click.echo(f"{'':42}{'median':>10}{'p95':>10}{'p99':>10}")
    figures: list[Figure] = []
    for name in chosen:
        for figure in run_bench(name, subject):
            click.echo(_line(figure))
            figures.append(figure)
    model_name = f"{bundle.name} {bundle.version}"
    if json_file is not None:
        write_report(json_file, as_json(machine, model_name, heard, figures))
    if markdown is not None:
        options = " --clip FILE" * (clip is not None) + " --realtime" * realtime
        write_report(markdown, as_markdown(machine, model_name, heard, figures, chosen, options))


def _heard(chosen: Sequence[str], speech: Path | None, clip: Path | None) -> str:
    """What is heard, by name."""
    usual = DESCRIPTION if speech is None else speech.name
    if clip is None:
        return usual
    return clip.name if tuple(chosen) == (CLIP_BENCH,) else f"{usual}, {clip.name}"


def _line(figure: Figure) -> str:
    if figure.note:
        return f"{figure.what:42}{figure.note}"
    p95, p99 = ("" if value is None else shown(value) for value in (figure.p95, figure.p99))
    return f"{figure.what:42}{shown(figure.median):>10}{p95:>10}{p99:>10} {figure.unit}"
