"""``edge-ser analyze``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import click

from edge_app.commands.options import CHANNEL, pipeline_options
from edge_app.settings import PipelineSettings


@click.command(short_help="Estimate whole files or folders, into JSON lines or CSV.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@pipeline_options
@CHANNEL
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--output", type=click.Path(), metavar="FILE", help="Write there instead of standard output.")
def analyze(
    paths: tuple[str, ...], pipeline: PipelineSettings, channel: int | None, form: str, output: str | None
) -> None:
    """Estimate whole files, and the audio files in folders, into JSON lines or CSV.

    JSON lines hold a session record, its estimates and an end record per file. A file that cannot be read gets one
    line on standard error; the others go on, and the exit code is 2.
    """
    from edge_app.batch import analyze_files, find_audio
    from edge_app.sinks.files import OutputFile, refuse_overwriting, write_stdout

    files, faults = find_audio(paths)
    if output is not None:
        refuse_overwriting(output, files)
    for fault in faults:
        click.echo(f"edge-ser: {fault}", err=True)
    try:
        with contextlib.ExitStack() as opened:
            write: Callable[[str], None] = write_stdout
            if output is not None:
                write = opened.enter_context(OutputFile(Path(output))).write_line
            failed = analyze_files(files, pipeline, form, write, channel)
    except BrokenPipeError:
        return
    except KeyboardInterrupt:
        kept = ""
        if output is not None:
            part = Path(f"{output}.part")
            kept = f"; {output} was not written" + (f", {part} holds what was done so far" if part.exists() else "")
        click.echo(f"edge-ser: interrupted{kept}", err=True)
        raise click.exceptions.Exit(130) from None
    if failed or faults:
        raise click.exceptions.Exit(2)
