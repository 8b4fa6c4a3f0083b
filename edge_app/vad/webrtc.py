"""WebRTC's Gaussian-mixture voice activity detector."""

from __future__ import annotations

import numpy as np
import webrtcvad

from edge_app.core.types import SAMPLE_RATE, Floats

FULL_SCALE = 32767


class WebRtcDetector:
    """Decides every 20 ms; its probability is 0 or 1.

    Args:
        aggressiveness: 0 (keeps most) to 3 (drops most).
    """

    frame_length = SAMPLE_RATE // 50
    _pending: Floats

    def __init__(self, aggressiveness: int = 2) -> None:
        self._aggressiveness = aggressiveness
        self.reset()

    def feed(self, samples: Floats) -> Floats:
        """See :class:`edge_app.vad.VoiceActivityDetector`."""
        pending = np.concatenate((self._pending, samples))
        count = len(pending) // self.frame_length
        used = count * self.frame_length
        self._pending = pending[used:]
        pcm = (np.clip(pending[:used], -1.0, 1.0) * FULL_SCALE).astype("<i2").tobytes()
        step = 2 * self.frame_length
        return np.array(
            [self._detector.is_speech(pcm[at : at + step], SAMPLE_RATE) for at in range(0, count * step, step)],
            dtype=np.float32,
        )

    def reset(self) -> None:
        """Forget all audio and the noise level learnt from it."""
        self._detector = webrtcvad.Vad(self._aggressiveness)
        self._pending = np.zeros(0, dtype=np.float32)
