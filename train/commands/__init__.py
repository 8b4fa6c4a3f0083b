"""The training side's commands."""
