"""Every net in the table: it learns, and what is exported answers as it does."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_app.core.labels import FOUR_CLASSES  # noqa: E402
from edge_app.errors import ConfigurationError  # noqa: E402
from edge_app.runtime.onnx import AFFECT, LOGITS, OnnxPredictor  # noqa: E402
from export.graph import count_parameters, export_onnx, torch_outputs  # noqa: E402
from train.config import CONFIGS, load_config  # noqa: E402
from train.nets import NETS, make_net  # noqa: E402
from train.nets.joint import JointNet  # noqa: E402
from train.run import build_net  # noqa: E402

SHAPES = {"frames": (61, 128), "functionals": (88,), "stream": (61, 128)}
JOINT = (88, 132)
CLASSES = len(FOUR_CLASSES)


def fresh(name: str):
    torch.manual_seed(3)
    return make_net(name, shape_of(NETS[name]), CLASSES)


def shape_of(net) -> tuple[int, ...]:
    return JOINT if net is JointNet or isinstance(net, JointNet) else SHAPES[net.reads]


def windows(net, count: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (count, *shape_of(net))).astype(np.float32)


@pytest.mark.parametrize("name", sorted(NETS))
def test_a_net_answers_in_shape_and_range(name):
    net = fresh(name).eval()
    with torch.no_grad():
        output = net(torch.from_numpy(100 * windows(net, 3)))
    assert output.logits.shape == (3, CLASSES)
    assert output.dimensions.shape == (3, len(net.dimensions))
    assert output.embedding.shape == (3, net.embedding_size)
    assert (output.dimensions.abs() <= 1).all()
    assert all(torch.isfinite(part).all() for part in output)


@pytest.mark.parametrize("name", sorted(NETS))
def test_a_training_step_reaches_every_weight_and_lowers_the_loss(name):
    net = fresh(name).train()
    features, target = torch.from_numpy(windows(net, 16)), torch.arange(16) % CLASSES
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)

    def loss() -> torch.Tensor:
        torch.manual_seed(0)  # the same dropout each time
        output = net(features)
        return torch.nn.functional.cross_entropy(output.logits, target) + (output.dimensions**2).sum() / 48

    before = loss()
    before.backward()
    for weight_name, weight in net.named_parameters():
        if not weight.requires_grad:  # fitted when training is over
            continue
        assert weight.grad is not None, weight_name
        assert torch.isfinite(weight.grad).all(), weight_name
    optimiser.step()
    assert loss() < before


@pytest.mark.parametrize("name", sorted(NETS))
def test_softening_scales_the_logits_only(name):
    net = fresh(name).eval()
    features = windows(net, 2)
    before = torch_outputs(net, features)
    net.soften(2.0)
    after = torch_outputs(net, features)
    np.testing.assert_allclose(after[LOGITS], before[LOGITS] / 2, atol=1e-6)
    if net.dimensions:
        np.testing.assert_array_equal(after[AFFECT], before[AFFECT])


@pytest.mark.parametrize("name", sorted(name for name in NETS if NETS[name].reads != "stream"))
def test_the_exported_graph_answers_as_the_net_for_any_batch(name, tmp_path):
    net = fresh(name).train()
    with torch.no_grad():
        net(torch.from_numpy(2 * windows(net, 32) + 0.5))  # batch normalisation with statistics other than 0 and 1
    net.eval()
    path = tmp_path / "net.onnx"
    export_onnx(net, shape_of(net), path)
    predictor = OnnxPredictor(path)
    for batch in (1, 2, 7):
        features = 3 * windows(net, batch)
        found, expected = predictor.run(features), torch_outputs(net, features)
        assert set(found) == ({LOGITS, AFFECT} if net.dimensions else {LOGITS})
        for output in found:
            np.testing.assert_allclose(found[output], expected[output], rtol=0, atol=1e-4)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_published_configuration_builds_its_net(path):
    net = build_net(load_config(path))
    assert count_parameters(net) > 0
    if path.stem != "deepemocluster-vgg16":  # the paper's net, which no device should have to run
        assert count_parameters(net) <= 400_000


def test_an_unknown_net_and_an_unknown_argument_are_named():
    with pytest.raises(ConfigurationError, match=r"no net 'resnet'; choose from .*chunk-cnn"):
        make_net("resnet", (61, 128), CLASSES)
    with pytest.raises(ConfigurationError, match=r"\[model\] of net 'chunk-cnn'.*depth"):
        make_net("chunk-cnn", (61, 128), CLASSES, depth=3)
    with pytest.raises(ConfigurationError, match=r"\[data\] features: net 'dae' reads functionals"):
        make_net("dae", (61, 128), CLASSES)
