import numpy as np
import pytest
import torch

from train.losses import (
    cluster_loss,
    concordance,
    concordance_loss,
    cyclic_annealing,
    divergence_loss,
    metric_loss,
    prediction_loss,
    reconstruction_loss,
    soft_cross_entropy,
)
from train.metrics import concordance as concordance_of_moments
from train.metrics import moments


def test_concordance_worked_by_hand():
    # x = 1, 2, 3; y = 2, 2, 5: means 2 and 3, variances 2/3 and 2, covariance 1 -> 2 / (2/3 + 2 + 1) = 6/11
    x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 5.0])
    assert concordance(x, y).item() == pytest.approx(6 / 11, abs=1e-6)


def test_concordance_is_the_one_that_evaluation_reports(rng):
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    mine = concordance(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(mine, concordance_of_moments(moments(y, x).T), atol=1e-6)


def test_concordance_loss_is_zero_for_equal_and_two_for_opposite_values():
    x = torch.linspace(-1, 1, 11)[:, None]
    assert concordance_loss(x, x).item() == pytest.approx(0, abs=1e-5)
    assert concordance_loss(-x, x).item() == pytest.approx(2, abs=1e-5)


def test_the_prediction_loss_adds_up_one_minus_ccc_of_each_attribute(rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(0.5, 2, size=(40, 3))
    ccc = [
        2 * np.corrcoef(a, b)[0, 1] * a.std() * b.std() / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        for a, b in zip(x.T, y.T, strict=True)
    ]
    found = prediction_loss(torch.from_numpy(x), torch.from_numpy(y)).item()
    assert found == pytest.approx(3 - sum(ccc), abs=1e-6)


def test_constant_values_give_a_finite_gradient():
    x = torch.zeros(5, 3, requires_grad=True)
    concordance_loss(x, torch.zeros(5, 3)).backward()
    assert torch.isfinite(x.grad).all()


def test_soft_cross_entropy_is_torchs_for_whole_classes(rng):
    logits = torch.from_numpy(rng.normal(size=(8, 4)))
    classes = torch.arange(8) % 4
    target = torch.nn.functional.one_hot(classes, 4).double()
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(logits, classes, label_smoothing=smoothing)
        assert soft_cross_entropy(logits, target, smoothing).item() == pytest.approx(expected.item(), abs=1e-9)


def test_rows_without_a_class_count_nothing(rng):
    logits = torch.from_numpy(rng.normal(size=(3, 4)))
    target = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1.0, 0]]).double()
    assert soft_cross_entropy(logits, target).item() == pytest.approx(
        soft_cross_entropy(logits[[0, 2]], target[[0, 2]]).item()
    )
    assert soft_cross_entropy(logits, torch.zeros(3, 4).double()).item() == 0


# the latent space


def test_reconstruction_is_the_mean_squared_error():
    x = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    y = torch.tensor([[0.0, 2.0, 2.0], [0.0, 0.0, 1.0]])
    assert reconstruction_loss(x, y).item() == pytest.approx((1 + 4) / 6)


def test_divergence_is_torchs_between_normal_distributions(rng):
    mean, log_variance = torch.from_numpy(rng.normal(size=(9, 4))), torch.from_numpy(rng.normal(size=(9, 4)))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(torch.zeros_like(mean), torch.ones_like(mean))
    )
    assert divergence_loss(mean, log_variance).item() == pytest.approx(expected.sum(dim=1).mean().item())
    assert divergence_loss(torch.zeros(3, 2), torch.zeros(3, 2)).item() == 0


def test_annealing_rises_and_holds_in_every_cycle():
    # T = 20, M = 2, R = 0.5: cycles of ten epochs, tau = 0, 0.1, ... 0.9
    cycle = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.25, 0.25, 0.25, 0.25]
    found = [cyclic_annealing(epoch, 20, 2, 0.5) for epoch in range(1, 21)]
    assert found == pytest.approx(2 * cycle)


def test_cycles_of_uneven_length_stay_in_range():
    found = np.array([cyclic_annealing(epoch, 50, 4, 0.5) for epoch in range(1, 51)])
    assert found.min() == 0 and found.max() == 0.25
    assert cyclic_annealing(14, 50, 4, 0.5) == pytest.approx(0.25 * (0.5 / 12.5) / 0.5)


def cluster_by_hand(latent, label):
    classes = sorted(set(label[label >= 0]))
    centres = [latent[label == each].mean(axis=0) for each in classes]
    intra = sum(
        np.linalg.norm(row - centre)
        for each, centre in zip(classes, centres, strict=True)
        for row in latent[label == each]
    )
    inter = sum(
        np.linalg.norm(centres[k] - centres[j]) for k in range(len(classes) - 1) for j in range(k + 1, len(classes))
    )
    return intra / inter


def test_cluster_loss_worked_by_hand(rng):
    # Two classes on a line: centres 1 and 6, distances from them 1 + 1 and 2 + 2 -> 6 / 5
    latent, label = torch.tensor([[0.0], [2.0], [4.0], [8.0]]), torch.tensor([0, 0, 3, 3])
    assert cluster_loss(latent, label).item() == pytest.approx(6 / 5)
    latent, label = rng.normal(size=(40, 4)), rng.integers(-1, 4, size=40)
    found = cluster_loss(torch.from_numpy(latent), torch.from_numpy(label)).item()
    assert found == pytest.approx(cluster_by_hand(latent, label))


def test_cluster_loss_takes_the_classes_that_are_there():
    # The model may know four classes; a batch that shows two has two.
    latent, label = torch.tensor([[0.0], [2.0], [4.0], [8.0], [99.0]]), torch.tensor([0, 0, 3, 3, -1])
    assert cluster_loss(latent, label).item() == pytest.approx(6 / 5)


@pytest.mark.parametrize("label", [[-1, -1, -1], [2, 2, 2], [2, -1, -1]])
def test_cluster_loss_is_nothing_where_nothing_can_be_kept_apart(label):
    latent = torch.randn(3, 4, requires_grad=True)
    loss = cluster_loss(latent, torch.tensor(label))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(latent.grad, torch.zeros(3, 4))


def test_cluster_loss_of_classes_in_one_place_is_finite():
    latent = torch.zeros(6, 4, requires_grad=True)
    loss = cluster_loss(latent, torch.tensor([0, 0, 1, 1, 2, 2]))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(latent.grad).all()


def metric_by_hand(latent, target):
    z_d = np.linalg.norm(np.diff(latent, axis=0), axis=1)[:, None]
    l_d = np.abs(np.diff(target))[:, None]
    p = np.linalg.inv(l_d.T @ l_d) @ l_d.T @ z_d
    fitted = l_d @ p
    first, second = np.argmax(l_d), np.argmin(l_d)
    slope = (fitted[first] - fitted[second]) / (l_d[first] - l_d[second])
    return float(np.mean((z_d - fitted) ** 2) + np.linalg.norm(slope - 1))


def test_metric_loss_worked_by_hand(rng):
    # z_d = 3, 4; l_d = 1, 2: p = 11/5; residuals 3 - 2.2 = 0.8 and 4 - 4.4 = -0.4: L_res = 0.4, L_sl = 1.2
    latent, target = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]), torch.tensor([0.0, 1.0, -1.0])
    assert metric_loss(latent, target).item() == pytest.approx(0.4 + 1.2, abs=1e-6)
    latent, target = rng.normal(size=(64, 4)), rng.uniform(-1, 1, size=64)
    found = metric_loss(torch.from_numpy(latent), torch.from_numpy(target)).item()
    assert found == pytest.approx(metric_by_hand(latent, target))


def test_metric_loss_is_zero_where_distances_are_those_of_the_labels(rng):
    target = torch.from_numpy(rng.uniform(-1, 1, size=30))
    latent = torch.outer(target, torch.tensor([0.6, 0.8], dtype=torch.float64))
    assert metric_loss(latent, target).item() == pytest.approx(0, abs=1e-9)


def test_metric_loss_leaves_out_rows_without_a_label(rng):
    latent, target = rng.normal(size=(20, 4)), rng.uniform(-1, 1, size=20)
    target[[0, 3, 4, 11, 19]] = np.nan
    known = ~np.isnan(target)
    found = metric_loss(torch.from_numpy(latent), torch.from_numpy(target)).item()
    assert found == pytest.approx(metric_by_hand(latent[known], target[known]))


@pytest.mark.parametrize("target", [[0.5] * 4, [np.nan] * 4, [np.nan, 0.5, np.nan, np.nan], []])
def test_metric_loss_is_nothing_where_no_slope_is_defined(target):
    latent = torch.randn(len(target), 4, requires_grad=True)
    loss = metric_loss(latent, torch.tensor(target))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(latent.grad, torch.zeros(len(target), 4))


def test_metric_loss_of_equal_latents_has_a_finite_gradient():
    latent = torch.ones(4, 3, requires_grad=True)
    loss = metric_loss(latent, torch.tensor([0.0, 1.0, 0.0, -1.0]))
    loss.backward()
    assert loss.item() == pytest.approx(1)  # p = 0
    assert torch.isfinite(latent.grad).all()
