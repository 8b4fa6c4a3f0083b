"""``edge-ser listen``."""

from __future__ import annotations

from typing import get_args

import click

from edge_app.commands.options import CHANNEL, pipeline_options
from edge_app.settings import Interface, ListenSettings, PipelineSettings


@click.command(short_help="Show the emotion of a microphone, a file or a pipe as it moves.")
@pipeline_options
@click.option("--input", "source", metavar="FILE|-", help="Listen to a file, or to raw 16 kHz mono s16le on stdin (-).")
@click.option("--realtime", is_flag=True, help="Play a file at the pace of the clock.")
@click.option("--device", metavar="NAME|NUMBER", help="Microphone; see 'edge-ser devices'. Default: the system's.")
@CHANNEL
@click.option("--ui", type=click.Choice(get_args(Interface)), help="Default: tui for live audio on a terminal.")
@click.option("--output", type=click.Path(), metavar="FILE", help="Write the estimates to a file too (JSON lines, or a "
              "table where its name ends in .csv).")  # fmt: skip
def listen(
    pipeline: PipelineSettings,
    source: str | None,
    realtime: bool,
    device: str | None,
    channel: int | None,
    ui: Interface | None,
    output: str | None,
) -> None:
    """Show the emotion of a microphone, a file or a pipe as it moves.

    Without --input it listens to the microphone until Ctrl-C. Where there is none the demo clip plays. No audio
    leaves this machine, and none is stored.
    """
    from edge_app.app import listen as run

    try:
        run(ListenSettings(pipeline, source, device, realtime, ui, output, channel))
    except BrokenPipeError:
        return  # the reader has seen enough, as in 'edge-ser listen | head'
