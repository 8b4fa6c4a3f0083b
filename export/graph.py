"""From a trained net to an ONNX graph in float32.

The graph has the input ``features``, float32, shape (batch, frames, dimension) or (batch, functionals), and the outputs
``logits``, shape (batch, classes), and, where the net answers them, ``dimensions``, shape (batch, 3). The embedding
that training's auxiliary heads read stays behind.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from edge_app.runtime.onnx import AFFECT, INPUT, LOGITS
from train.nets.base import EmotionNet

OPSET = 20


class _DeviceNet(nn.Module):
    """A net with only the outputs that the device reads."""

    def __init__(self, net: nn.Module, dimensions: bool) -> None:
        super().__init__()
        self.net = net
        self.dimensions = dimensions

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        output = self.net(features)
        return (output.logits, output.dimensions) if self.dimensions else (output.logits,)


def export_onnx(net: EmotionNet, shape: tuple[int, ...], path: Path) -> None:
    """Write a net as an ONNX file with a dynamic batch, batch normalisation folded into weights.

    Args:
        net: in evaluation mode.
        shape: of the features of one window.
        path: the file to write.
    """
    # A batch of one would be baked into the graph.
    example = torch.zeros(2, *shape)
    with _quiet():
        program = torch.onnx.export(
            _DeviceNet(net.for_device(), bool(net.dimensions)).eval(),
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
    model = program.model_proto
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch's exporter says to its developers from the user: progress marks and notes on its internals."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            yield
    finally:
        exporter.setLevel(level)
