"""What is fitted after training, on speakers who did not train: a shift of the classes, then a temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.module import predict_log_probabilities
from train.nets.base import EmotionNet

PENALTY = 1e-3
"""Weight of the shift's square: keeps it finite where a class is never, or always, recognised."""


def calibrate(net: EmotionNet, features: Tensor, owner: NDArray[np.int64], truth: Mapping[int, int]) -> float:
    """The temperature that makes window probabilities most honest on the validation speakers (Guo et al. 2017)."""
    scores = predict_log_probabilities(net, features)
    target = torch.tensor([truth[int(number)] for number in owner])
    logarithm = torch.zeros(1, requires_grad=True)

    def loss() -> Tensor:
        return torch.nn.functional.cross_entropy(scores / logarithm.exp(), target)

    _minimise(loss, logarithm)
    return float(logarithm.exp().detach())


def class_shift(
    scores: Tensor,
    owner: NDArray[np.int64],
    truth: Mapping[int, int],
    groups: Sequence[str],
) -> Tensor:
    """What to add to each class's logit, so that utterances fall into the classes as they should.

    The bias of vector scaling (Guo et al. 2017), fitted with a temperature of its own to the mean log-probabilities of
    utterances, every class of every group weighing the same.

    Args:
        scores: log-probabilities of windows, shape (n, classes).
        owner: the utterance of each, shape (n,).
        truth: class of each utterance.
        groups: what each utterance belongs to, by number, such as its corpus.

    Returns:
        Shape (classes,), with a sum of 0.
    """
    numbers, place = np.unique(owner, return_inverse=True)
    total = torch.zeros(len(numbers), scores.shape[1]).index_add_(0, torch.from_numpy(place), scores)
    means = total / torch.from_numpy(np.bincount(place)).unsqueeze(1)
    target = torch.tensor([truth[int(number)] for number in numbers])
    cells = [(groups[number], truth[int(number)]) for number in numbers.tolist()]
    weight = torch.tensor([1.0 / cells.count(cell) for cell in cells])
    sharpness = torch.zeros(1, requires_grad=True)
    shift = torch.zeros(scores.shape[1], requires_grad=True)

    def loss() -> Tensor:
        each = torch.nn.functional.cross_entropy((means + shift) * sharpness.exp(), target, reduction="none")
        return (weight * each).sum() / weight.sum() + PENALTY * shift.square().sum()

    _minimise(loss, sharpness, shift)
    found = shift.detach()
    return found - found.mean()


def _minimise(loss: Callable[[], Tensor], *parameters: Tensor) -> None:
    optimiser = torch.optim.LBFGS(parameters, max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)
