"""The figures of speech emotion recognition, from confusion matrices and from moments.

Both can be added up over speakers, so the same functions serve a whole corpus and every draw of a bootstrap at once:
leading axes of the arguments are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

CONSTANT = 1e-12
"""Variance up to which a series counts as constant."""


def confusion(truth: Integers, predicted: Integers, classes: int) -> Doubles:
    """Count decisions, shape (classes, classes): rows are the truth, columns the decisions.

    Args:
        truth: class indices, shape (n,).
        predicted: class indices, shape (n,).
        classes: number of classes.
    """
    if len(truth) == 0:
        return np.zeros((classes, classes))
    counts: Doubles = confusion_matrix(truth, predicted, labels=range(classes)).astype(np.float64)
    return counts


def recall(matrix: Doubles) -> Doubles:
    """Recall of each class, shape (..., classes) from (..., classes, classes); NaN for a class that does not occur."""
    support = matrix.sum(axis=-1)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _ratio(hits, support)


def unweighted_average_recall(matrix: Doubles) -> Doubles:
    """UAR, the mean recall over the classes that occur, shape (...); NaN where none does."""
    recalls = recall(matrix)
    present = ~np.isnan(recalls)
    return _ratio(np.where(present, recalls, 0.0).sum(axis=-1), present.sum(axis=-1))


def weighted_accuracy(matrix: Doubles) -> Doubles:
    """WA, the fraction of right decisions, shape (...); NaN without decisions."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def moments(reference: Doubles, predicted: Doubles) -> Doubles:
    """What the concordance needs of pairs of values, shape (6, ...): n and the sums of x, y, xx, yy and xy.

    Args:
        reference: shape (n, ...); pairs whose reference is NaN are left out.
        predicted: same shape.
    """
    known = ~np.isnan(reference)
    x, y = np.where(known, reference, 0.0), np.where(known, predicted, 0.0)
    return np.stack([part.sum(axis=0) for part in (known.astype(np.float64), x, y, x * x, y * y, x * y)])


def concordance(sums: Doubles) -> Doubles:
    """Concordance correlation coefficient (Lin, Biometrics 45, 1989), from :func:`moments`.

    It is ``2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2)``, with variances over n.

    Args:
        sums: shape (..., 6).

    Returns:
        Shape (...), in [-1, 1]; NaN where the reference does not vary, since nothing can agree with it.
    """
    count = sums[..., 0]
    x, y, xx, yy, xy = np.moveaxis(_ratio(sums[..., 1:], count[..., None]), -1, 0)
    variance = xx - x * x
    values = _ratio(2 * (xy - x * y), variance + (yy - y * y) + (x - y) ** 2)
    return np.where(variance > CONSTANT, values, np.nan)


def calibration_error(confidence: Doubles, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean distance of confidence and accuracy, by bins.

    Args:
        confidence: probability of the decision, shape (n,), n > 0.
        right: whether it was right, shape (n,).
        bins: number of bins of equal width.
    """
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(index, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _ratio(numerator: Doubles, denominator: Doubles) -> Doubles:
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    values: Doubles = np.divide(numerator, denominator, out=np.full(shape, np.nan), where=denominator > 0)
    return values
