from __future__ import annotations

import numpy as np
import pytest

from edge_app.errors import BundleError
from edge_app.runtime.onnx import OnnxPredictor


@pytest.fixture(scope="module")
def predictor(tiny_bundle):
    return OnnxPredictor(tiny_bundle / "model.onnx")


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_probabilities_sum_to_one_and_dimensions_stay_in_range(predictor, rng, batch):
    prediction = predictor.predict(rng.normal(0, 50, (batch, 61, 128)).astype(np.float32))
    assert prediction.probabilities.shape == (batch, 4)
    assert prediction.dimensions.shape == (batch, 3)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1)
    assert np.abs(prediction.dimensions).max() <= 1


def test_huge_logits_do_not_overflow(predictor):
    prediction = predictor.predict(np.full((1, 61, 128), 1e6, np.float32))
    assert np.isfinite(prediction.probabilities).all()


def test_a_window_is_answered_alike_alone_and_in_a_batch(predictor, rng):
    features = rng.normal(0, 1, (5, 61, 128)).astype(np.float32)
    together = predictor.predict(features)
    alone = predictor.predict(features[3:4])
    np.testing.assert_allclose(alone.probabilities[0], together.probabilities[3], atol=1e-6)
    np.testing.assert_allclose(alone.dimensions[0], together.dimensions[3], atol=1e-6)


def test_run_gives_the_raw_outputs_by_name(predictor):
    outputs = predictor.run(np.zeros((1, 61, 128), np.float32))
    assert {name: value.shape for name, value in outputs.items()} == {"logits": (1, 4), "dimensions": (1, 3)}


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_model_is_one_clear_line(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        OnnxPredictor(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(BundleError, match="cannot load this model"):
        OnnxPredictor(tmp_path / "model.onnx")


def test_a_model_with_other_inputs_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    with pytest.raises(BundleError, match=r"expected input 'features' and output 'logits', found \['x'\] and \['y'\]"):
        OnnxPredictor(path)


def test_a_model_without_dimensions_gives_none(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Flatten", ["features"], ["logits"])],
        "classes only",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 1, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
    )
    path = tmp_path / "classes.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    prediction = OnnxPredictor(path).predict(np.array([[[0, 0]], [[0, 100]]], np.float32))
    assert prediction.dimensions.shape == (2, 0)
    np.testing.assert_allclose(prediction.probabilities, [[0.5, 0.5], [0, 1]], atol=1e-12)
