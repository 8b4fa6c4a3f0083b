"""``edge-ser enroll``, and what it stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from click.testing import CliRunner, Result

from edge_app.cli import cli
from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.core.wearer import WearerStatistics


def write(path: Path, samples: Floats) -> Path:
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    return path


def enroll(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["enroll", *map(str, arguments)])


def statistics(digest: str = "d" * 64, **entries: Any) -> WearerStatistics:
    values = {"window": 16000, "seconds": 12.5, "count": 50, "mean": np.arange(3, dtype=np.float32) / 3,
              "variance": np.ones(3, np.float32)}  # fmt: skip
    return WearerStatistics(digest, **(values | entries))
