"""ONNX Runtime, one thread: on two or four small cores a second thread makes latency worse, not better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from edge_app.core.types import Floats
from edge_app.errors import BundleError
from edge_app.runtime import Prediction

INPUT = "features"
LOGITS = "logits"
AFFECT = "dimensions"


class OnnxPredictor:
    """A model in ONNX form: input ``features``, outputs ``logits`` and, where it has them, ``dimensions``.

    Args:
        path: the ``.onnx`` file.

    Raises:
        BundleError: the file is not a model that ONNX Runtime can load, or has other inputs or outputs.
    """

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without the arena the memory of the largest run is given back, which matters on a wearable.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime has no public base class of its errors
            reason = str(error).splitlines()[0]
            raise BundleError(f"{path}: ONNX Runtime cannot load this model ({reason}); export it again") from error
        inputs = [entry.name for entry in self._session.get_inputs()]
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        if inputs != [INPUT] or LOGITS not in self._outputs:
            raise BundleError(
                f"{path}: expected input {INPUT!r} and output {LOGITS!r}, found {inputs} and {self._outputs}"
            )

    def run(self, features: Floats) -> dict[str, Floats]:
        """The graph's raw outputs by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {INPUT: features}), strict=True))

    def predict(self, features: Floats) -> Prediction:
        """See :class:`edge_app.runtime.Predictor`."""
        outputs = self.run(features)
        logits = outputs[LOGITS].astype(np.float64)
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        dimensions = outputs.get(AFFECT, np.zeros((len(logits), 0), dtype=np.float32))
        return Prediction(scores / scores.sum(axis=1, keepdims=True), np.clip(dimensions.astype(np.float64), -1, 1))
