"""No detection: everything counts as speech (``--vad always``)."""

from __future__ import annotations

import numpy as np

from edge_app.core.types import SAMPLE_RATE, Floats


class AlwaysSpeech:
    """Calls every 20 ms frame speech."""

    frame_length = SAMPLE_RATE // 50

    def __init__(self) -> None:
        self._pending = 0

    def feed(self, samples: Floats) -> Floats:
        """See :class:`edge_app.vad.VoiceActivityDetector`."""
        frames, self._pending = divmod(self._pending + len(samples), self.frame_length)
        return np.ones(frames, dtype=np.float32)

    def reset(self) -> None:
        """Forget all audio."""
        self._pending = 0
