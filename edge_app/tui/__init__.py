"""The terminal interface: the one room that imports textual."""
