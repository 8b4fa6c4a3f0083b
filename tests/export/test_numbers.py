"""Numbers in a graph are counted wherever they can hide."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from edge_app.runtime.onnx import OnnxPredictor
from export.graph import export_onnx
from export.numbers import count_numbers, count_scales, numbers_in
from export.quantise import quantise_int8
from train.nets import make_net

MOST = 400


def graph(nodes, initializers=()):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    made = helper.make_graph(nodes, "g", [value], [], [numpy_helper.from_array(a, n) for n, a in initializers])
    return helper.make_model(made)


def test_initializers_constants_and_lists_count():
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.zeros((2, 5), np.float32)))
    single = helper.make_node("Constant", [], ["s"], value_float=0.5)
    several = helper.make_node("Constant", [], ["l"], value_ints=[1, 2, 3])
    model = graph([constant, single, several], [("w", np.zeros((4, 3), np.float32)), ("b", np.float32(1))])
    assert count_numbers(model) == 12 + 1 + 10 + 1 + 3
    assert count_scales(model) == 0


def test_scales_and_zero_points_are_counted_apart():
    nodes = [helper.make_node("DequantizeLinear", ["w", "scale", "zero"], ["y"], axis=0)]
    tensors = [("w", np.zeros((4, 3), np.int8)), ("scale", np.ones(4, np.float32)), ("zero", np.zeros(4, np.int8))]
    model = graph(nodes, tensors)
    assert (count_numbers(model), count_scales(model)) == (12, 8)


@pytest.mark.parametrize(("name", "weights", "bounds"), [("linear", 356, 2), ("dae", 391, 4), ("vae", 391, 4)])
def test_graphs_of_functionals_hold_fewer_than_four_hundred(name, weights, bounds, rng, tmp_path):
    torch.manual_seed(1)
    net = make_net(name, (88,), 4).eval()
    features = rng.standard_t(3, size=(512, 88)).astype(np.float32)
    export_onnx(net, (88,), tmp_path / "net.onnx")
    quantise_int8(tmp_path / "net.onnx", tmp_path / "int8.onnx", features)
    for file in ("net.onnx", "int8.onnx"):
        assert numbers_in(tmp_path / file)["graph"] == weights + bounds < MOST
        assert (tmp_path / file).stat().st_size <= 10_000
    found, expected = (OnnxPredictor(tmp_path / file).run(features)["logits"] for file in ("int8.onnx", "net.onnx"))
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) >= 0.97
    assert {weight.data_type for weight in onnx.load(tmp_path / "int8.onnx").graph.initializer} >= {TensorProto.UINT8}
