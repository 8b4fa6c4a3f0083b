"""``python -m edge_app``."""

from edge_app.cli import main

main()
