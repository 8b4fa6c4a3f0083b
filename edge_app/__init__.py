"""edge-ser: continuous speech emotion recognition on the device.

    import edge_app

    bundle = edge_app.load_bundle()
    pipeline = edge_app.open_pipeline(bundle=bundle)
    for estimate in pipeline.feed(edge_app.AudioBlock(samples, start=0)):
        print(estimate.label, estimate.confidence)

The names below are imported when they are first used, so that ``import edge_app`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_app.app import open_pipeline
    from edge_app.bundle import ModelBundle, load_bundle
    from edge_app.core.types import AudioBlock, Estimate
    from edge_app.errors import EdgeSerError
    from edge_app.pipeline import Pipeline
    from edge_app.settings import PipelineSettings

__version__ = "0.1.0"

__all__ = [
    "AudioBlock",
    "EdgeSerError",
    "Estimate",
    "ModelBundle",
    "Pipeline",
    "PipelineSettings",
    "__version__",
    "load_bundle",
    "open_pipeline",
]

PUBLIC = {
    "AudioBlock": "edge_app.core.types",
    "EdgeSerError": "edge_app.errors",
    "Estimate": "edge_app.core.types",
    "ModelBundle": "edge_app.bundle",
    "Pipeline": "edge_app.pipeline",
    "PipelineSettings": "edge_app.settings",
    "load_bundle": "edge_app.bundle",
    "open_pipeline": "edge_app.app",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PUBLIC[name]), name)
