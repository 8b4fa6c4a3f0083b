"""``edge-ser features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge_app.feature_table.layout import Level

SETS = ("egemaps", "logmel", "opensmile-egemaps", "opensmile-compare")


@click.command(short_help="Compute acoustic features of files or folders, into CSV or Parquet.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option("--set", "kind", type=click.Choice(SETS), default="egemaps", show_default=True, help="Which features.")
@click.option(
    "--level",
    type=click.Choice(["functionals", "lld"]),
    default="functionals",
    show_default=True,
    help="A row per stretch of audio, or per frame.",
)
@click.option("--window", type=float, metavar="SECONDS", help="Length of a stretch. Default: the whole recording.")
@click.option("--hop", type=float, metavar="SECONDS", help="Time between stretches. Default: the length of one.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Recordings worked on at once.")
@click.option(
    "--output", required=True, type=click.Path(), metavar="FILE", help="A name that ends in .csv or .parquet."
)
def features(
    paths: tuple[str, ...], kind: str, level: Level, window: float | None, hop: float | None, jobs: int, output: str
) -> None:
    """Compute acoustic features of files, and of the audio files in folders, into one table.

    Its columns are file, start and end in seconds, and the features under the names that the field uses; its rows are
    in the order of the files, however many are worked on at once. A file that cannot be read to its end gets one line
    on standard error and no rows; the others go on, and the exit code is 2.
    """
    from edge_app.batch import Progress, find_audio
    from edge_app.errors import AudioFormatError
    from edge_app.feature_table.layout import TableSettings
    from edge_app.feature_table.run import all_rows
    from edge_app.feature_table.sets import RESEARCH_SETS, make_computer
    from edge_app.feature_table.writers import make_writer
    from edge_app.interrupts import stop_on_signals
    from edge_app.sinks.files import OutputFile, refuse_overwriting

    settings = TableSettings(kind, level, window, hop)
    files, faults = find_audio(paths)
    refuse_overwriting(output, files)
    columns = make_computer(settings).columns
    if kind in RESEARCH_SETS:
        click.echo(f"edge-ser: {RESEARCH_SETS[kind].notice}", err=True)
    failed = len(faults)
    for fault in faults:
        click.echo(f"edge-ser: {fault}", err=True)
    table = OutputFile(Path(output), table=True)
    writer = make_writer(table, columns)
    try:
        with table, stop_on_signals() as stop, Progress(files) as progress:
            for path, rows in all_rows(files, settings, jobs, stop):
                if isinstance(rows, AudioFormatError):
                    failed += 1
                    progress.say(f"edge-ser: {rows}")
                else:
                    writer.write(path, rows)
                progress.finished(path)
            writer.close()
    except KeyboardInterrupt:
        click.echo(
            f"edge-ser: interrupted; {output} was not written, {output}.part holds what was done so far", err=True
        )
        raise click.exceptions.Exit(130) from None
    if failed:
        raise click.exceptions.Exit(2)
