import numpy as np
import pytest
import torch

from train.losses import concordance, concordance_loss, soft_cross_entropy
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
