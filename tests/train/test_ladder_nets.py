"""The ladders against sums in numpy and against torch's own batch normalisation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_app.errors import ConfigurationError  # noqa: E402
from export.graph import count_parameters, export_onnx, torch_outputs  # noqa: E402
from train.nets import make_net  # noqa: E402
from train.nets.dense import EPSILON, HiddenLayer, Moments  # noqa: E402
from train.nets.ladder import Combinator, Ladder  # noqa: E402

SIZES = (7, 6, 4)


def fresh(name, **parameters):
    torch.manual_seed(1)
    net = make_net(name, (SIZES[0],), 3, hidden=list(SIZES[1:]), **parameters)
    with torch.no_grad():
        for layer in net.stack:
            layer.shift.normal_()
    return net


def fresh_ladder(name, noise=0.5):
    ladder = Ladder(fresh(name), noise)
    with torch.no_grad():
        for combinator in ladder.combinators:
            combinator.a.normal_()
    return ladder


def array(tensor):
    return tensor.detach().numpy().astype(np.float64)


def normalised(values, like=None):
    like = values if like is None else like
    return (values - like.mean(axis=0)) / np.sqrt(like.var(axis=0) + EPSILON)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def denoised(a, z, u):
    mean = a[0] * sigmoid(a[1] * u + a[2]) + a[3] * u + a[4]
    weight = a[5] * sigmoid(a[6] * u + a[7]) + a[8] * u + a[9]
    return (z - mean) * weight + mean


def test_the_combinator_is_the_papers_formula(rng):
    combinator = Combinator(5)
    with torch.no_grad():
        combinator.a.normal_()
    z, u = rng.normal(size=(2, 8, 5))
    found = combinator(torch.from_numpy(z).float(), torch.from_numpy(u).float())
    np.testing.assert_allclose(array(found), denoised(array(combinator.a), z, u), atol=1e-5)


@pytest.mark.parametrize("name", ["ladder", "dln"])
def test_both_passes_and_the_decoder_are_what_numpy_makes_of_them(name, rng):
    ladder = fresh_ladder(name)
    x = rng.normal(size=(16, SIZES[0])) * 3
    features = torch.from_numpy(x).float()
    torch.manual_seed(9)
    embedding, losses = ladder(features)

    layers = ladder.net.stack
    tops = [layers[1]] if name == "ladder" else [layers[1], ladder.residual]  # what the heads read comes first
    torch.manual_seed(9)
    draws = [array(0.5 * torch.randn(16, n)) for n in (7, 6, *(top.linear.out_features for top in tops))]

    def encode(noises):
        h0 = x + noises[0]
        pre1 = h0 @ array(layers[0].linear.weight).T
        z1 = normalised(pre1) + noises[1]
        h1 = np.maximum(z1 + array(layers[0].shift), 0)
        pres = [h1 @ array(top.linear.weight).T for top in tops]
        zs = [normalised(pre) + noise for pre, noise in zip(pres, noises[2:], strict=True)]
        hs = [np.maximum(z + array(top.shift), 0) for z, top in zip(zs, tops, strict=True)]
        return [h0, z1, zs[-1]], [pre1, pres[-1]], hs

    clean, pres, _ = encode([0.0, 0.0] + [0.0] * len(tops))
    noisy, _, hs = encode(draws)
    np.testing.assert_allclose(array(embedding), hs[0], atol=1e-4)
    a = [array(combinator.a) for combinator in ladder.combinators]
    v = [array(layer.weight) for layer in ladder.down]
    top = denoised(a[2], noisy[2], normalised(hs[-1]))
    middle = denoised(a[1], noisy[1], normalised(top @ v[1].T))
    bottom = denoised(a[0], noisy[0], normalised(middle @ v[0].T))
    estimates = [bottom, normalised(middle, pres[0]), normalised(top, pres[1])]
    expected = [np.mean((estimate - z) ** 2) for estimate, z in zip(estimates, clean, strict=True)]
    np.testing.assert_allclose([loss.item() for loss in losses], expected, rtol=1e-4)


def test_a_hidden_layer_normalises_as_torch_does(rng):
    layer, torchs = HiddenLayer(5, 3).train(), torch.nn.BatchNorm1d(3, affine=False).train()
    features = torch.from_numpy(rng.normal(2, 3, size=(20, 5))).float()
    with torch.no_grad():
        expected = torch.relu(torchs(layer.linear(features)))
        torch.testing.assert_close(layer(features), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["dense", "ladder", "dln"])
def test_measured_moments_answer_as_one_great_batch_would(name, rng):
    net = fresh(name)
    features = torch.from_numpy(rng.normal(1, 2, size=(50, SIZES[0]))).float()
    net.measure(features)
    with torch.no_grad():
        alone = torch.cat([net.eval()(row[None]).embedding for row in features])
        torch.testing.assert_close(alone, net.train()(features).embedding, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["dense", "ladder", "dln"])
def test_folded_weights_answer_as_the_net_and_so_does_the_exported_file(name, rng, tmp_path):
    from edge_app.runtime.onnx import OnnxPredictor

    net = fresh(name)
    net.measure(torch.from_numpy(rng.normal(1, 2, size=(50, SIZES[0]))).float())
    net.eval()
    features = rng.normal(0, 4, size=(9, SIZES[0])).astype(np.float32)
    with torch.no_grad():
        for found, expected in zip(net.for_device()(torch.from_numpy(features)), net(torch.from_numpy(features)),
                                   strict=True):  # fmt: skip
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert count_parameters(net.for_device()) == count_parameters(net)
    export_onnx(net, (SIZES[0],), tmp_path / "net.onnx")
    for output, values in OnnxPredictor(tmp_path / "net.onnx").run(features).items():
        np.testing.assert_allclose(values, torch_outputs(net, features)[output], atol=1e-5)


def test_the_decoder_and_the_reconstruction_embedding_stay_behind():
    net, ladder = fresh("dln"), fresh_ladder("dln")
    assert [layer.linear.out_features for layer in net.stack] == [6, 2]
    assert ladder.residual.linear.out_features == net.residual_size == 2
    assert count_parameters(net) == 7 * 6 + 6 + 6 * 2 + 2 + 3 * (2 + 1) + 3 * (2 + 1)


@pytest.mark.parametrize("name", ["ladder", "dln"])
def test_reconstruction_touches_no_prediction_head(name, rng):
    ladder = fresh_ladder(name)
    sum(ladder.reconstruction_losses(torch.from_numpy(rng.normal(size=(16, 7))).float())).backward()
    grown = {key for key, weight in ladder.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert not {key for key in grown if "emotion" in key or "affect" in key}
    assert {"net.layers.0.linear.weight", "net.layers.0.shift", "down.0.weight", "down.1.weight"} <= grown
    emotion_embedding = {"net.layers.1.linear.weight", "net.layers.1.shift"}
    if name == "ladder":
        assert emotion_embedding <= grown
    else:
        assert not emotion_embedding & grown
        assert {"residual.linear.weight", "residual.shift"} <= grown


def test_the_decoder_can_start_from_the_emotion_embedding(rng):
    ladder = fresh_ladder("dln", noise=0.0)
    features = torch.from_numpy(rng.normal(size=(16, 7))).float()
    with torch.no_grad():
        noisy = ladder.encode(features, noisy=True)
        swapped = ladder.decode(noisy, noisy.embedding)
        found = ladder.reconstruction_losses(features, use_emotion=True)
    expected = ((swapped[0] - features) ** 2).mean()
    assert found[0].item() == pytest.approx(expected.item(), rel=1e-5)
    assert found[0].item() != pytest.approx(ladder.reconstruction_losses(features)[0].item(), rel=1e-3)


@pytest.mark.parametrize("name", ["ladder", "dln"])
def test_a_batch_of_one_and_features_that_never_vary_are_defined(name, rng):
    features = torch.from_numpy(rng.normal(size=(16, 7))).float()
    features[:, 2] = 1.5
    for batch in (features, features[:1], torch.zeros(4, 7)):
        ladder = fresh_ladder(name)
        embedding, losses = ladder(batch)
        (embedding.sum() + sum(losses)).backward()
        assert all(torch.isfinite(w.grad).all() for w in ladder.parameters() if w.grad is not None)
        assert all(torch.isfinite(loss) for loss in losses)
    assert Moments.of(torch.full((3, 2), 7.0)).normalise(torch.full((3, 2), 7.0)).abs().max() == 0


def test_layers_without_units_are_refused():
    with pytest.raises(ConfigurationError, match=r"\[model\] hidden = \[\]"):
        make_net("dense", (7,), 3, hidden=[])
    for split in (0.0, 1.0, 1.5, float("nan")):
        with pytest.raises(ConfigurationError, match=r"\[model\] split = .* of 4 units: both embeddings need"):
            make_net("dln", (7,), 3, hidden=[6, 4], split=split)
