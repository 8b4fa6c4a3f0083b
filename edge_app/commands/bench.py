"""``edge-ser bench``."""

from __future__ import annotations

from pathlib import Path

import click

from edge_app.bench import BENCHES, run_bench
from edge_app.bench.figures import STARTS, UPDATES, Figure, Subject
from edge_app.bench.machine import describe_machine
from edge_app.bench.report import as_json, as_markdown, shown, write_report
from edge_app.bundle import load_bundle
from edge_app.demo import CLIP, DESCRIPTION

LONG = "hour"


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
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the figures as JSON.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write them as a page.")  # fmt: skip
def bench(
    names: tuple[str, ...],
    model: str,
    speech: Path | None,
    updates: int,
    starts: int,
    json_file: Path | None,
    markdown: Path | None,
) -> None:
    """Measure what this machine needs, on one core: medians and 95th percentiles.

    NAME is one or more of update, peer and egemaps (against openSMILE, where it is installed), startup, memory, size
    and hour (an hour of speech at full speed, which takes 115 MB of temporary disk). Without any, all but hour.
    """
    chosen = names or tuple(name for name in BENCHES if name != LONG)
    subject = Subject(model, speech or CLIP, updates, starts)
    bundle = load_bundle(model)
    machine = describe_machine()
    heard = DESCRIPTION if speech is None else speech.name
    click.echo(f"{bundle.name} {bundle.version} hearing {heard}; {machine['processor']}, {machine['cores']} cores")
    click.echo(f"{'':42}{'median':>10}{'p95':>10}")
    figures: list[Figure] = []
    for name in chosen:
        for figure in run_bench(name, subject):
            click.echo(_line(figure))
            figures.append(figure)
    model_name = f"{bundle.name} {bundle.version}"
    if json_file is not None:
        write_report(json_file, as_json(machine, model_name, heard, figures))
    if markdown is not None:
        write_report(markdown, as_markdown(machine, model_name, heard, figures, chosen))


def _line(figure: Figure) -> str:
    if figure.note:
        return f"{figure.what:42}{figure.note}"
    p95 = "" if figure.p95 is None else shown(figure.p95)
    return f"{figure.what:42}{shown(figure.median):>10}{p95:>10} {figure.unit}"
