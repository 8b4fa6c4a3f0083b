"""The program as it runs on a device: in a process of its own that cannot find the training side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
TRAINING_SIDE = ("torch", "lightning", "tensorboard", "librosa", "pandas", "scipy", "sklearn", "opensmile", "onnx")
REPOSITORY_SIDE = ("train", "export")

# A process imports this module by itself when it starts.
HIDE = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def run_device(
    folder: Path,
    *arguments: str,
    hidden: Sequence[str] = (*TRAINING_SIDE, *REPOSITORY_SIDE),
    models: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments, e.g. ``-m edge_app --help``, where the hidden packages are not installed.

    ``folder`` is an empty folder that belongs to the call, ``models`` one with bundles to find by name.
    """
    (folder / "sitecustomize.py").write_text(HIDE.format(hidden=tuple(hidden)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}", "NO_COLOR": "1"}
    if models is not None:
        environment["EDGE_SER_MODELS"] = str(models)
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
