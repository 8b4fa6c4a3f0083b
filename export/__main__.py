"""``python -m export`` is ``edge-ser export``."""

from __future__ import annotations

import sys

import click

from edge_app.errors import EdgeSerError
from export.command import export

if __name__ == "__main__":
    try:
        export.main(prog_name="python -m export")
    except EdgeSerError as error:
        click.echo(f"edge-ser: {error}", err=True)
        sys.exit(2)
