"""Networks, one file each. To add one, write ``nets/x.py``, register it in ``NETS`` and give it a ``configs/x.toml``.

A net maps standardised features of windows, float32, to a :class:`~train.nets.base.NetOutput`. It is built from the
shape of a window's features, the number of classes and its own keyword arguments.
"""

from __future__ import annotations

from typing import Any

from edge_app.errors import ConfigurationError
from train.nets.autoencoders import DaeNet, VaeNet
from train.nets.base import EmotionNet
from train.nets.chunk_cnn import ChunkCnn
from train.nets.cpc import CpcAttentionNet
from train.nets.dense import DenseNet
from train.nets.joint import JointNet
from train.nets.ladder import DecoupledLadderNet, LadderNet
from train.nets.linear import LinearClassifier
from train.nets.parameters import checked
from train.nets.vgg import VggNet

NETS: dict[str, type[EmotionNet]] = {
    "chunk-cnn": ChunkCnn,
    "joint": JointNet,
    "linear": LinearClassifier,
    "dae": DaeNet,
    "vae": VaeNet,
    "dense": DenseNet,
    "ladder": LadderNet,
    "dln": DecoupledLadderNet,
    "vgg": VggNet,
    "cpc-attention": CpcAttentionNet,
}


def make_net(name: str, shape: tuple[int, ...], classes: int, /, **parameters: Any) -> EmotionNet:
    """Build a net.

    Args:
        name: a key of ``NETS``.
        shape: of a window's features: (frames, dimension), or (functionals,).
        classes: classes of the head.
        **parameters: the net's own arguments.

    Raises:
        ConfigurationError: there is no such net, it reads other features, or it takes no such argument or value.
    """
    if name not in NETS:
        raise ConfigurationError(f"no net {name!r}; choose from {', '.join(sorted(NETS))}")
    kind = NETS[name]
    if (kind.reads == "functionals") != (len(shape) == 1):
        raise ConfigurationError(f"[data] features: net {name!r} reads {kind.reads}; choose features that give them")
    return kind(shape=shape, classes=classes, **checked(name, kind, parameters))
