"""Losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST_VARIANCE = 1e-8
SMALLEST_DISTANCE = 1e-6


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


def prediction_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """``C_p`` of Leem et al. (Interspeech 2021): the sum of ``1 - CCC`` over attributes, in [0, 2 * attributes].

    Args:
        prediction: shape (n, attributes).
        target: the same shape.
    """
    return (1 - concordance(prediction, target)).sum()


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


def reconstruction_loss(features: Tensor, reconstruction: Tensor) -> Tensor:
    """``E ||x - g(f(x))||^2``, the mean over rows and features, shape (n, features) each.

    Das et al. leave open what the expectation is over. A sum over 88 features would make the other losses, whose
    weights they give as 1, next to nothing, and their plain VAE would not end, as it did, with a latent that says
    nothing.
    """
    return ((features - reconstruction) ** 2).mean()


def divergence_loss(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of ``N(mean, exp(log_variance))`` from ``N(0, 1)`` (Kingma and Welling 2014).

    Args:
        mean: shape (n, latent).
        log_variance: the same shape.

    Returns:
        Summed over the latent dimensions, mean over rows; not negative.
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()


def cyclic_annealing(epoch: int, epochs: int, cycles: int, rise: float, height: float = 0.25) -> float:
    """Weight of the divergence in an epoch, as in Das et al. (ICASSP 2022), eq. 4.

    With ``tau = mod(e - 1, T / M) / (T / M)`` it is ``height * tau / R`` while ``tau <= R``, and ``height`` after.

    Args:
        epoch: e, counted from 1.
        epochs: T, the length of training.
        cycles: M, how often the weight starts from 0.
        rise: R, share of a cycle in which it rises, in (0, 1].
        height: what it rises to.
    """
    length = epochs / cycles
    tau = ((epoch - 1) % length) / length
    return height * tau / rise if tau <= rise else height


def cluster_loss(latent: Tensor, label: Tensor) -> Tensor:
    """``D_intra / D_inter`` over the labelled rows of a batch (Das et al., ICASSP 2022, eq. 5).

    ``D_intra`` is the sum of the distances of all rows from the centre of their class, ``D_inter`` that of the
    distances between all pairs of centres. Classes are those that occur, however many the model knows.

    Args:
        latent: shape (n, latent).
        label: class of each row, shape (n,); -1 where it has none.

    Returns:
        A scalar; 0 where the batch has fewer than two classes, for there is nothing to keep apart. Centres that
        coincide count as ``SMALLEST_DISTANCE`` apart, so that the loss is large but finite.
    """
    latent, label = latent[label >= 0], label[label >= 0]
    classes, index = label.unique(return_inverse=True)
    if len(classes) < 2:
        return 0.0 * latent.sum()
    member = F.one_hot(index, len(classes)).to(latent.dtype)
    centres = member.T @ latent / member.sum(dim=0)[:, None]
    intra = _length(latent - centres[index]).sum()
    first, second = torch.triu_indices(len(centres), len(centres), offset=1)
    inter = _length(centres[first] - centres[second]).sum()
    return intra / inter.clamp(min=SMALLEST_DISTANCE)


def metric_loss(latent: Tensor, target: Tensor) -> Tensor:
    """``L_res + L_sl``, which orders the latent space by a continuous label (Das et al., NLDL 2022, eqs. 8 to 10).

    ``z_d`` are the distances between the latents of consecutive rows, ``l_d`` those between their labels. The line
    through the origin that fits best has the slope ``p = (l_d' l_d)^-1 l_d' z_d``; ``L_res = E ||z_d - p l_d||^2``, and
    ``L_sl = ||slope - 1||``, where the slope of the fitted line is the same between any two of its points: p.

    Args:
        latent: shape (n, latent).
        target: the label, such as arousal, shape (n,); NaN where a row has none. Rows with a label that follow each
            other, leaving out those without, are consecutive.

    Returns:
        A scalar; 0 where there are no two labelled rows or all labels are equal: then no slope is defined.
    """
    known = ~target.isnan()
    latent, target = latent[known], target[known]
    label_distance = (target[1:] - target[:-1]).abs()
    square = (label_distance**2).sum()
    if square <= SMALLEST_VARIANCE:
        return 0.0 * latent.sum()
    latent_distance = _length(latent[1:] - latent[:-1])
    slope = (label_distance * latent_distance).sum() / square
    residual = ((latent_distance - slope * label_distance) ** 2).mean()
    return residual + (slope - 1).abs()


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the last axis, with a gradient of 0 instead of none where a vector is 0."""
    square = (vectors**2).sum(dim=-1)
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())
