"""Linear heads, fitted in closed form or by scikit-learn, and put into a net."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from torch import nn

from edge_app.core.types import Floats
from edge_app.errors import CorpusError

ITERATIONS = 5000
RIDGE = 1e-6

Doubles = NDArray[np.floating[Any]]


def fit_svc(features: Floats, label: NDArray[np.int64], weight: Doubles, classes: int, strength: float) -> nn.Linear:
    """A linear support vector machine, one class against the rest.

    Args:
        features: shape (n, size).
        label: class of each row, shape (n,), every class among them.
        weight: of each row, shape (n,).
        classes: number of classes.
        strength: C, the inverse of regularisation.

    Returns:
        Its decision function.

    Raises:
        CorpusError: a class is missing.
    """
    require_classes(label, classes)
    machine = LinearSVC(C=strength, dual=False, max_iter=ITERATIONS).fit(features, label, sample_weight=weight)
    return _layer(machine.coef_, machine.intercept_, classes)


def fit_logistic(
    features: Floats, label: NDArray[np.int64], weight: Doubles, classes: int, strength: float
) -> nn.Linear:
    """Multinomial logistic regression; arguments and errors as in :func:`fit_svc`."""
    require_classes(label, classes)
    regression = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(features, label, sample_weight=weight)
    return _layer(regression.coef_, regression.intercept_, classes)


def fit_readout(features: Floats, target: Floats, weight: Doubles) -> nn.Linear:
    """Weighted least squares from features, shape (n, size), to targets, shape (n, dimensions)."""
    x, y = features.astype(np.float64), target.astype(np.float64)
    mean_x, mean_y = np.average(x, axis=0, weights=weight), np.average(y, axis=0, weights=weight)
    x, y = x - mean_x, y - mean_y
    square = (x * weight[:, None]).T @ x
    square += RIDGE * max(np.trace(square), 1.0) * np.eye(len(square))
    slope = np.linalg.solve(square, (x * weight[:, None]).T @ y)
    return make_layer(slope.T, mean_y - mean_x @ slope)


def require_classes(label: NDArray[np.int64], classes: int) -> None:
    """Refuse labels among which a class is missing.

    Raises:
        CorpusError: saying how many there are.
    """
    found = len(np.unique(label))
    if found < classes or classes < 2:
        raise CorpusError(
            f"the training speakers show {found} of {classes} classes, and a classifier needs two or more of them all; "
            "add corpora, or change [data] labels or validation_share"
        )


def make_layer(weight: Doubles, bias: Doubles) -> nn.Linear:
    """An affine layer of given weights, shape (outputs, inputs), and biases, shape (outputs,)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def _layer(weight: Doubles, bias: Doubles, classes: int) -> nn.Linear:
    """scikit-learn describes two classes by one row: what the second class's logit has over the first's."""
    if classes == 2:
        weight, bias = np.concatenate((-weight, weight)) / 2, np.concatenate((-bias, bias)) / 2
    return make_layer(weight, bias)
