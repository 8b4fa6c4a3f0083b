"""``edge-ser doctor``."""

from __future__ import annotations

import click


@click.command(short_help="Check this machine: libraries, microphone, models.")
@click.option("--model", default="default", show_default=True, help="Name or folder of a model bundle.")
@click.option("--device", metavar="NAME|NUMBER", help="Microphone. Default: the system's.")
def doctor(model: str, device: str | None) -> None:
    """Check this machine: Python, libraries, PortAudio, two seconds of the microphone, the model.

    The exit code is 2 where something is missing that edge-ser needs.
    """
    from edge_app.diagnosis import diagnose

    healthy = True
    for finding in diagnose(model, device):
        click.echo(f"{finding.state:<8} {finding.name:<12} {finding.text}")
        healthy = healthy and finding.state != "missing"
    if not healthy:
        raise click.exceptions.Exit(2)
