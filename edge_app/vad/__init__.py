"""Voice activity: a detector gives a probability per frame, the gate turns them into steady stretches of speech.

To add a detector, write ``vad/x.py`` and register it in ``DETECTORS``.
"""

from __future__ import annotations

import importlib
from typing import Protocol

from edge_app.core.types import Floats
from edge_app.errors import ConfigurationError


class VoiceActivityDetector(Protocol):
    """Gives each frame the probability that it is speech.

    Attributes:
        frame_length: samples in a frame; frames follow each other without gap or overlap.
    """

    frame_length: int

    def feed(self, samples: Floats) -> Floats:
        """Take samples, shape (n,), in [-1, 1]; return a probability for each frame they complete, shape (frames,)."""
        ...

    def reset(self) -> None:
        """Forget all audio."""
        ...


DETECTORS = {
    "webrtc": "edge_app.vad.webrtc:WebRtcDetector",
    "silero": "edge_app.vad.silero:SileroDetector",
    "always": "edge_app.vad.always:AlwaysSpeech",
    "none": "edge_app.vad.always:AlwaysSpeech",
}
"""By the name that ``--vad`` takes; ``none`` is an older name of ``always``."""


def make_detector(name: str) -> VoiceActivityDetector:
    """Build a detector by its name in ``DETECTORS``; only then is its library imported.

    Raises:
        ConfigurationError: there is no detector of that name.
        BackendMissing: the package that it needs is not installed.
    """
    if name not in DETECTORS:
        raise ConfigurationError(f"no voice activity detector {name!r}; choose from {', '.join(sorted(DETECTORS))}")
    module, _, attribute = DETECTORS[name].partition(":")
    detector: VoiceActivityDetector = getattr(importlib.import_module(module), attribute)()
    return detector
