"""Where computed features are kept between runs."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def default_cache() -> Path:
    """The user's cache folder for features, such as ``~/.cache/edge-ser/features`` on Linux."""
    return Path(platformdirs.user_cache_dir("edge-ser")) / "features"
