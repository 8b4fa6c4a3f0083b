"""Losses."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

SMALLEST_VARIANCE = 1e-8


def concordance(prediction: Tensor, target: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient (1989) over the first axis.

    ``CCC(x, y) = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2)``.

    Args:
        prediction: shape (n, ...).
        target: the same shape.

    Returns:
        shape (...), in [-1, 1]. Where both are constant and equal it is 0, never NaN.
    """
    x, y = prediction - prediction.mean(0), target - target.mean(0)
    difference = prediction.mean(0) - target.mean(0)
    spread = (x**2).mean(0) + (y**2).mean(0) + difference**2
    return 2 * (x * y).mean(0) / (spread + SMALLEST_VARIANCE)


def concordance_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of ``1 - CCC`` over the dimensions, a scalar in [0, 2]."""
    return (1 - concordance(prediction, target)).mean()


def soft_cross_entropy(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy against class weights that may sum to less than 1.

    Args:
        logits: shape (batch, classes).
        target: shape (batch, classes), non-negative; a row that sums to 0 (a class the head lacks) counts nothing.
        smoothing: share of each row's weight that is spread over all classes.

    Returns:
        The mean over the weight in the batch; 0 if there is none.
    """
    weight = target.sum(1, keepdim=True)
    spread = target * (1 - smoothing) + weight * smoothing / target.shape[1]
    total = -(spread * F.log_softmax(logits, dim=1)).sum()
    return total / weight.sum().clamp(min=1e-6)
