"""Networks, one file each. To add one, write ``nets/x.py`` and register it in ``NETS``."""
