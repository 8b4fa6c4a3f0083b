"""The commands of ``edge-ser``, one file each. To add one, register it in ``edge_app.cli.COMMANDS``."""
