"""Feature sets, each a streaming extractor. To add one, write ``features/x.py`` and register it in ``EXTRACTORS``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from edge_app.core.features.cepstrum_statistics import CepstrumStatistics
from edge_app.core.features.egemaps.extractor import Egemaps
from edge_app.core.features.logmel import LogMel
from edge_app.core.features.logmel_egemaps import LogMelEgemaps
from edge_app.core.features.logmel_statistics import LogMelStatistics
from edge_app.core.features.spec import FeatureSpec
from edge_app.core.types import Floats
from edge_app.errors import FeatureMismatch

__all__ = [
    "EXTRACTORS",
    "CepstrumStatistics",
    "Egemaps",
    "FeatureSpec",
    "FrameExtractor",
    "LogMel",
    "LogMelEgemaps",
    "LogMelStatistics",
    "make_extractor",
]


class FrameExtractor(Protocol):
    """Turns a stream of samples into a stream of feature frames, the same for any block sizes.

    Attributes:
        spec: what names these features exactly.
        dimension: numbers in a frame.
        frame_length: samples from the start of a frame until it is known, what it looks ahead included.
        frame_hop: samples between the starts of two frames.
        size: numbers in a row of what :meth:`summarise` returns: what a baseline standardises.
    """

    spec: FeatureSpec
    dimension: int
    frame_length: int
    frame_hop: int
    size: int

    def feed(self, samples: Floats) -> Floats:
        """Take samples, shape (n,), and return the frames they complete, shape (frames, dimension)."""
        ...

    def finish(self) -> Floats:
        """The frames that still waited for what they look ahead to, when the audio has ended: (frames, dimension)."""
        ...

    def summarise(self, frames: Floats, count: int) -> Floats:
        """What a model reads of a window: its frames themselves, or functionals of them.

        Args:
            frames: shape (n, dimension), n at least 1.
            count: how many frames a whole window has; n is smaller where the audio is shorter than a window.

        Returns:
            float32, shape (count, size) for frames, (size,) for functionals.
        """
        ...

    def reset(self) -> None:
        """Forget all audio."""
        ...


EXTRACTORS: dict[str, Callable[..., FrameExtractor]] = {
    "cepstrum-statistics": CepstrumStatistics,
    "egemaps": Egemaps,
    "egemaps-without-formants": partial(Egemaps, formants=False),
    "logmel": LogMel,
    "logmel+egemaps": LogMelEgemaps,
    "logmel-statistics": LogMelStatistics,
}


def make_extractor(kind: str, parameters: dict[str, Any], digest: str | None = None) -> FrameExtractor:
    """Build the extractor a bundle asks for.

    Args:
        kind: a key of ``EXTRACTORS``.
        parameters: the extractor's arguments.
        digest: the digest the model was trained with; None to skip the comparison.

    Raises:
        FeatureMismatch: the kind or a parameter is unknown here, or the digest differs.
    """
    if kind not in EXTRACTORS:
        known = ", ".join(sorted(EXTRACTORS))
        raise FeatureMismatch(
            f"the model needs features of kind {kind!r}; this version computes {known}: update edge-ser"
        )
    try:
        extractor = EXTRACTORS[kind](**parameters)
    except (TypeError, ValueError) as error:
        raise FeatureMismatch(f"this version cannot compute {kind} features with {parameters}: {error}") from None
    if digest is not None and extractor.spec.digest != digest:
        raise FeatureMismatch(
            f"feature digest differs: the model was trained on {digest[:12]}, this version computes "
            f"{extractor.spec.digest[:12]} ({kind}); use the edge-ser version the bundle names, or export it again"
        )
    return extractor
