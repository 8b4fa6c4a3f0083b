"""What all tests share: where the corpora are, and a tiny but real bundle."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from edge_app.core.features import LogMel

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora; the test is skipped where there is none."""
    root = Path(os.environ.get("EDGE_SER_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (root / "emodb").is_dir():
        pytest.skip("needs the corpora: set EDGE_SER_DATA")
    return root


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator."""
    return np.random.default_rng(20261121)


def build_tiny_bundle(folder: Path) -> Path:
    """Write a valid bundle whose model is one random linear layer on the mean frame: 4 classes, 3 dimensions."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(7)
    weight = generator.normal(0, 0.2, (128, 7)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["features", "axis"], ["mean"], keepdims=0),
            helper.make_node("MatMul", ["mean", "weight"], ["both"]),
            helper.make_node("Split", ["both", "sizes"], ["logits", "affect"], axis=1),
            helper.make_node("Tanh", ["affect"], ["dimensions"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 61, 128])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4]),
            helper.make_tensor_value_info("dimensions", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([4, 3], dtype=np.int64), "sizes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    samples = (generator.normal(0, 0.1, 16000).clip(-1, 1) * 32767).astype(np.int16)
    spec = LogMel().spec
    mean, deviation = np.full(128, -40, np.float32), np.full(128, 15, np.float32)
    frames = (LogMel().feed(samples.astype(np.float32) / 32768) - mean) / deviation
    both = frames.mean(axis=0, keepdims=True) @ weight
    np.savez_compressed(
        folder / "golden.npz", samples=samples, fp32_logits=both[:, :4], fp32_dimensions=np.tanh(both[:, 4:])
    )
    (folder / "MODEL_CARD.md").write_text("# tiny\n\nRandom weights, for tests.\n", encoding="utf-8")

    def checksum(name: str) -> str:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()

    manifest = {
        "schema": 1,
        "name": "tiny",
        "version": "1",
        "labels": ["neutral", "happiness", "sadness", "anger"],
        "dimensions": ["arousal", "valence", "dominance"],
        "mapped": True,
        "features": {"kind": spec.kind, "parameters": dict(spec.parameters), "digest": spec.digest},
        "window": {"length": 16000, "hop": 4000},
        "baseline": {"count": 1, "mean": mean.tolist(), "deviation": deviation.tolist()},
        "decision": {"min_speech": 0.3, "min_confidence": 0.0},
        "variants": {
            "fp32": {
                "file": "model.onnx",
                "bytes": (folder / "model.onnx").stat().st_size,
                "sha256": checksum("model.onnx"),
            }
        },
        "files": {name: checksum(name) for name in ("golden.npz", "MODEL_CARD.md")},
        "parameters": int(weight.size),
        "corpora": {"noise": "CC0"},
        "licence": "Apache-2.0",
        "metrics": {},
    }
    (folder / "bundle.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle to read; copy it before changing it."""
    return build_tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")
