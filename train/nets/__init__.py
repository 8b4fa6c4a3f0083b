"""Networks, one file each. To add one, write ``nets/x.py``, register it in ``NETS`` and give it a ``configs/x.toml``.

A net maps standardised features, float32, shape (batch, frames, dimension), to a
:class:`~train.nets.base.NetOutput`. It is built from the sizes of the features, the number of classes and its own
keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_app.errors import ConfigurationError
from train.nets.base import EmotionNet
from train.nets.chunk_cnn import ChunkCnn

NETS: dict[str, Callable[..., EmotionNet]] = {"chunk-cnn": ChunkCnn}


def make_net(name: str, frames: int, dimension: int, classes: int, **parameters: Any) -> EmotionNet:
    """Build a net.

    Raises:
        ConfigurationError: there is no such net, or it takes no such argument.
    """
    if name not in NETS:
        raise ConfigurationError(f"no net {name!r}; choose from {', '.join(sorted(NETS))}")
    try:
        return NETS[name](frames=frames, dimension=dimension, classes=classes, **parameters)
    except TypeError as error:
        raise ConfigurationError(f"[model] of net {name!r}: {error}") from None
