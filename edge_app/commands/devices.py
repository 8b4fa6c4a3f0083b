"""``edge-ser devices``."""

from __future__ import annotations

import click

from edge_app.audio.source import InputDevice

HEADER = ("", "number", "name", "channels", "rate")


@click.command(short_help="List the microphones.")
def devices() -> None:
    """List the microphones; the system's default is marked with *."""
    from edge_app.audio.microphone import list_devices

    found = list_devices()
    if not found:
        click.echo("no microphone was found: plug one in; 'edge-ser listen --input FILE' listens to a file")
        return
    for line in table([HEADER, *map(row, found)]):
        click.echo(line)


def row(device: InputDevice) -> tuple[str, ...]:
    """The cells of a device."""
    rate = f"{device.rate} Hz"
    return "*" if device.default else "", str(device.number), device.name, str(device.channels), rate


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows]
