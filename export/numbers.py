"""How many numbers a graph holds: what a device must keep, weights, clip bounds and all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import numpy_helper

QUANTISERS = ("QuantizeLinear", "DequantizeLinear")


def numbers_in(path: Path) -> dict[str, int]:
    """What a file holds: ``graph``, all numbers but what quantisation adds, and ``scales``, the latter."""
    model = onnx.load(path)
    return {"graph": count_numbers(model), "scales": count_scales(model)}


def count_numbers(model: onnx.ModelProto) -> int:
    """Numbers in the initializers, constants and list attributes of a graph and of the graphs within it.

    Scales and zero points of quantised values are left out: see :func:`count_scales`.
    """
    scales = _scales(model.graph)
    return sum(size for name, size in _tensors(model.graph) if name not in scales)


def count_scales(model: onnx.ModelProto) -> int:
    """Numbers that quantisation adds: scales and zero points."""
    scales = _scales(model.graph)
    return sum(size for name, size in _tensors(model.graph) if name in scales)


def _scales(graph: onnx.GraphProto) -> set[str]:
    return {name for node in graph.node if node.op_type in QUANTISERS for name in node.input[1:] if name}


def _tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    """Name and size of everything that holds numbers; what a node's attributes hold goes by its first output."""
    for tensor in graph.initializer:
        yield tensor.name, numpy_helper.to_array(tensor).size
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, numpy_helper.to_array(sparse.values).size + len(sparse.indices.int64_data)
    for node in graph.node:
        for attribute in node.attribute:
            for tensor in (attribute.t, *attribute.tensors):
                if tensor.ByteSize():
                    yield node.output[0], numpy_helper.to_array(tensor).size
            yield node.output[0], len(attribute.floats) + (len(attribute.ints) if node.op_type == "Constant" else 0)
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_int"):
                yield node.output[0], 1
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)
