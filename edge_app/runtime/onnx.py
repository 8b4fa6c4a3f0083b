"""ONNX Runtime, one thread: on two or four small cores a second thread makes latency worse, not better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from edge_app.core.types import Floats, Window
from edge_app.errors import BundleError
from edge_app.runtime import Prediction, Predictor, WindowPredictor
from edge_app.runtime.state import SUFFIX, StateSpec

INPUT = "features"
LOGITS = "logits"
AFFECT = "dimensions"


class OnnxPredictor(WindowPredictor):
    """A model in ONNX form: input ``features``, outputs ``logits`` and, where it has them, ``dimensions``.

    Args:
        path: the ``.onnx`` file.

    Raises:
        BundleError: the file is not a model that ONNX Runtime can load, or has other inputs or outputs.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_session(path, [INPUT], [LOGITS])
        self._outputs = [entry.name for entry in self._session.get_outputs()]

    def run(self, features: Floats) -> dict[str, Floats]:
        """The graph's raw outputs by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {INPUT: features}), strict=True))

    def predict(self, features: Floats) -> Prediction:
        """See :class:`edge_app.runtime.Predictor`; several windows may be given at once."""
        return to_prediction(self.run(features))


class StatefulOnnxPredictor(Predictor):
    """A model in ONNX form whose graph takes the tensors of its state beside ``features``, and gives them back.

    Args:
        path: the ``.onnx`` file.
        state: what the tensors are called, what they start as, and how far those that grow look back.

    Raises:
        BundleError: the file is not a model that ONNX Runtime can load, or has other inputs or outputs.
    """

    _tensors: dict[str, Floats]
    _pending: Floats | None
    _answers: dict[str, Floats]

    def __init__(self, path: Path, state: StateSpec) -> None:
        names = [tensor.name for tensor in state.tensors]
        self._session = open_session(path, [INPUT, *names], [LOGITS, *(name + SUFFIX for name in names)])
        self._outputs = [entry.name for entry in self._session.get_outputs()]
        self._state = state
        self.reset()

    def part(self, window: Window) -> Floats:
        """The frames that are new."""
        return window.fresh

    def run(self, features: Floats) -> dict[str, Floats]:
        """Take the next frames, shape (1, n, dimension), and return the graph's raw outputs without the state.

        Frames that do not fill a step wait for those that do. Where they do not fill the very first, they are repeated
        until they do, so that there is an answer.
        """
        feed, pending = self._feed(features)
        if feed:
            answers = dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))
            self._tensors = {name: answers.pop(name + SUFFIX) for name in self._tensors}
            self._answers = answers
        self._pending = pending
        return self._answers

    def feed(self, features: Floats) -> dict[str, Floats]:
        """What the graph would get with these frames, by name; nothing where they fill no step."""
        return self._feed(features)[0]

    def predict(self, features: Floats) -> Prediction:
        """See :class:`edge_app.runtime.Predictor`."""
        return to_prediction(self.run(features))

    def skip(self, features: Floats) -> None:
        """Hear it all the same."""
        self.run(features)

    def follow(self, parts: Sequence[Floats]) -> Prediction:
        """See :class:`edge_app.runtime.Predictor`."""
        self.reset()
        each = [self.predict(part[None]) for part in parts]
        return Prediction(
            np.concatenate([prediction.probabilities for prediction in each]),
            np.concatenate([prediction.dimensions for prediction in each]),
        )

    def reset(self) -> None:
        """Start afresh, as if nothing had been heard."""
        self._tensors = {tensor.name: np.zeros(tensor.shape, dtype=np.float32) for tensor in self._state.tensors}
        self._pending = None
        self._answers = {}

    def _feed(self, features: Floats) -> tuple[dict[str, Floats], Floats]:
        """The graph's inputs, and the frames that wait."""
        pending = features if self._pending is None else np.concatenate((self._pending, features), axis=1)
        step = self._state.frames
        if pending.shape[1] < step and not self._answers:
            pending = pending[:, np.arange(step) % pending.shape[1]]
        steps = pending.shape[1] // step
        ready, waiting = pending[:, : steps * step], pending[:, steps * step :].copy()
        if steps == 0:
            return {}, waiting
        tensors = {
            # With the rows that these frames add, it holds what memory holds.
            tensor.name: _newest(self._tensors[tensor.name], self._state.rows(tensor) - steps)
            if tensor.rate
            else self._tensors[tensor.name]
            for tensor in self._state.tensors
        }
        return {INPUT: ready, **tensors}, waiting


def open_predictor(path: Path, state: StateSpec | None) -> OnnxPredictor | StatefulOnnxPredictor:
    """Load a model that has a state, or none.

    Raises:
        BundleError: the file is not a model that ONNX Runtime can load, or has other inputs or outputs.
    """
    return OnnxPredictor(path) if state is None else StatefulOnnxPredictor(path, state)


def open_session(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> onnxruntime.InferenceSession:
    """Load a file that has exactly these inputs, and these outputs among others.

    Raises:
        BundleError: it cannot be loaded, or has others.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Without the arena the memory of the largest run is given back, which matters on a wearable.
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has no public base class of its errors
        reason = str(error).splitlines()[0]
        raise BundleError(f"{path}: ONNX Runtime cannot load this model ({reason}); export it again") from error
    found = [entry.name for entry in session.get_inputs()]
    answered = [entry.name for entry in session.get_outputs()]
    if sorted(found) != sorted(inputs) or not set(outputs) <= set(answered):
        expected = f"{_input(inputs)} and {_output(outputs)}"
        raise BundleError(f"{path}: expected {expected}, found {found} and {answered}")
    return session


def _input(names: Sequence[str]) -> str:
    return f"input{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def _output(names: Sequence[str]) -> str:
    return f"output{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def to_prediction(outputs: Mapping[str, Floats]) -> Prediction:
    """Probabilities and dimensions from a graph's raw outputs."""
    logits = outputs[LOGITS].astype(np.float64)
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    if AFFECT not in outputs:
        return Prediction(scores, np.zeros((len(logits), 0)))
    return Prediction(scores, np.minimum(np.maximum(outputs[AFFECT].astype(np.float64), -1.0), 1.0))


def _newest(rows: Floats, most: int) -> Floats:
    """The last rows of axis 1, at most so many."""
    return rows[:, max(rows.shape[1] - max(most, 0), 0) :]
