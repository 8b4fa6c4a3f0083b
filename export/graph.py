"""From a trained net to an ONNX graph in float32.

The graph has the input ``features``, float32, shape (batch, frames, dimension) or (batch, functionals), and the outputs
``logits``, shape (batch, classes), and, where the net answers them, ``dimensions``, shape (batch, 3). The embedding
that training's auxiliary heads read stays behind.

A net of a stream becomes a graph of one hop, for a batch of one: beside the frames, any multiple of a step, it has the
tensors of its state as inputs, and what they have become as outputs (:mod:`edge_app.runtime.state`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from edge_app.runtime.onnx import AFFECT, INPUT, LOGITS, OnnxPredictor, open_predictor
from edge_app.runtime.state import SUFFIX, StateSpec
from train.nets.base import EmotionNet, StreamNet

OPSET = 20
STEPS, ROWS = 4, 9
"""Of the example that a graph of one hop is traced with; other numbers would do as well, but 0 and 1."""

FIRST = 61
"""Frames in the first second of a stream."""


class _DeviceNet(nn.Module):
    """A net with only the outputs that the device reads."""

    def __init__(self, net: nn.Module, dimensions: bool) -> None:
        super().__init__()
        self.net = net
        self.dimensions = dimensions

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        output = self.net(features)
        return (output.logits, output.dimensions) if self.dimensions else (output.logits,)


def state_of(net: EmotionNet) -> StateSpec | None:
    """What a net carries from hop to hop; None for one of windows."""
    device = net.for_device()
    return device.state if isinstance(device, StreamNet) else None


def export_onnx(net: EmotionNet, shape: tuple[int, ...], path: Path) -> None:
    """Write a net as an ONNX file with a dynamic batch, batch normalisation folded into weights.

    Args:
        net: in evaluation mode.
        shape: of the features of one window.
        path: the file to write.
    """
    device = net.for_device()
    if isinstance(device, StreamNet):
        _export_stream(device, shape[-1], path)
        return
    # A batch of one would be baked into the graph.
    example = torch.zeros(2, *shape)
    with _quiet():
        program = torch.onnx.export(
            _DeviceNet(device, bool(net.dimensions)).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[LOGITS, AFFECT] if net.dimensions else [LOGITS],
            dynamic_shapes={"features": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    _save(program.model_proto, path)


def _export_stream(net: StreamNet, dimension: int, path: Path) -> None:
    """Write a graph of one hop. Frames come in whole steps; tensors that grow have any number of rows, even none."""
    state = net.state
    tensors = [
        torch.zeros(*(ROWS if tensor.rate and axis == 1 else size for axis, size in enumerate(tensor.shape)))
        for tensor in state.tensors
    ]
    names = [tensor.name for tensor in state.tensors]
    growing = {tensor.name: {1: f"{tensor.name}_rows"} for tensor in state.tensors if tensor.rate}
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        traced = Path(folder) / "traced.onnx"
        # The exporter of graphs that torch.export captures traces a GRU once in a process, and not again.
        torch.onnx.export(
            net.eval(),
            (torch.zeros(1, STEPS * state.frames, dimension), *tensors),
            traced,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT, *names],
            output_names=[LOGITS, AFFECT, *(name + SUFFIX for name in names)],
            dynamic_axes={INPUT: {1: "frames"}, **growing, **{f"{name}{SUFFIX}": {1: "kept"} for name in growing}},
        )
        model = onnx.load(traced)
    _save(model, path)


def _save(model: onnx.ModelProto, path: Path) -> None:
    strip(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def strip(model: onnx.ModelProto) -> None:
    """Drop what inference does not read: doc strings, stack traces, inferred shapes and long names, in place.

    What remains depends on the net alone, so that the same run gives the same bytes.
    """
    graph = model.graph
    model.doc_string = graph.doc_string = model.producer_name = model.producer_version = ""
    graph.name = "net"
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:], model.functions[:]
    names = {entry.name: entry.name for entry in (*graph.input, *graph.output)}
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
        tensor.name = names.setdefault(tensor.name, f"w{len(names)}")
    for number, node in enumerate(graph.node):
        node.doc_string, node.name = "", f"{node.op_type}{number}"
        del node.metadata_props[:]
        for values in (node.input, node.output):
            for place, name in enumerate(values):
                if name:
                    values[place] = names.setdefault(name, f"x{len(names)}")


def count_parameters(net: EmotionNet) -> int:
    """How many trained numbers reach the device: batch normalisation's scale and offset are folded into weights."""
    return sum(parameter.numel() for parameter in net.parameters())


def torch_outputs(net: EmotionNet, features: np.ndarray) -> dict[str, np.ndarray]:
    """What the net itself answers, by the names that the graph gives its outputs."""
    with torch.no_grad():
        output = net.eval()(torch.from_numpy(features))
    answers = {LOGITS: output.logits.numpy(), AFFECT: output.dimensions.numpy()}
    return answers if net.dimensions else {LOGITS: answers[LOGITS]}


def onnx_outputs(path: Path, state: StateSpec | None, windows: np.ndarray) -> dict[str, np.ndarray]:
    """What a graph answers to windows, shape (n, ...); one with a state goes through each hop by hop, from the start.

    Returns:
        The outputs by name, those of a state's last hop, shape (n, ...).
    """
    predictor = open_predictor(path, state)
    if isinstance(predictor, OnnxPredictor):
        return predictor.run(windows)
    answers = []
    for window in windows:
        predictor.reset()
        for hop in hops(window):
            answer = predictor.run(hop)
        answers.append(answer)
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def hops(window: np.ndarray) -> list[np.ndarray]:
    """Frames of a window as a device gets them, each shape (1, n, dimension): a second's, then a hop's every hop."""
    cuts = np.cumsum([FIRST, *[16, 15, 16, 16, 15, 16, 15, 16] * len(window)])
    return [part[None] for part in np.split(window, cuts[cuts < len(window)])]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch's exporter says to its developers from the user: progress marks and notes on its internals."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
            warnings.filterwarnings("ignore", ".*batch_size other than 1.*", UserWarning)
            yield
    finally:
        exporter.setLevel(level)
