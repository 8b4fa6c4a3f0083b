"""Offline training and evaluation, in torch; never part of the device's program."""
