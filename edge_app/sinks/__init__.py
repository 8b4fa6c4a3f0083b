"""Where estimates go, one file each. To add a sink, write ``sinks/x.py`` and register it in ``SINKS``."""
