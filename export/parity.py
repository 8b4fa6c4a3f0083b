"""Whether an exported model still says what the trained net says, on real windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import Floats
from edge_app.errors import ParityError
from edge_app.runtime.onnx import AFFECT, LOGITS
from train.metrics import confusion, unweighted_average_recall

Outputs = Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a bundle must reach.

    Attributes:
        float_error: largest absolute error of the fp32 graph's logits against the net; all labels must agree too.
        agreement: least share of windows on which a quantised graph gives the fp32 graph's label.
    """

    float_error: float = 1e-4
    agreement: float = 0.97


@dataclass(frozen=True, slots=True)
class Comparison:
    """One form of a model beside the form that it was made from, over the same windows.

    Attributes:
        variant: the form.
        reference: what it was made from.
        windows: number of windows.
        logits: largest absolute error of the logits.
        probabilities: largest absolute error of the probabilities.
        dimensions: largest absolute error of the dimensions; 0 where there are none.
        agreement: share of windows with the same label.
        uar: unweighted average recall of the form.
        reference_uar: that of what it was made from.
    """

    variant: str
    reference: str
    windows: int
    logits: float
    probabilities: float
    dimensions: float
    agreement: float
    uar: float
    reference_uar: float

    @property
    def uar_change(self) -> float:
        """What the form gains in UAR; negative for a loss."""
        return self.uar - self.reference_uar

    def as_dict(self) -> dict[str, Any]:
        """As stored in ``bundle.json``: errors to two digits, since the last bits differ between processors."""
        return {
            "against": self.reference,
            "windows": self.windows,
            "logits": float(f"{self.logits:.2g}"),
            "probabilities": float(f"{self.probabilities:.2g}"),
            "dimensions": float(f"{self.dimensions:.2g}"),
            "agreement": round(self.agreement, 4),
            "uar": round(self.uar, 4),
            "uar_change": round(self.uar_change, 4),
        }


def compare(variant: str, found: Outputs, reference: str, expected: Outputs, truth: NDArray[np.int64]) -> Comparison:
    """Compare the outputs of two forms of a model.

    Args:
        variant: name of the form.
        found: its raw outputs by name, each of shape (windows, ...).
        reference: name of what it was made from.
        expected: that one's outputs.
        truth: class of each window, shape (windows,).
    """
    return Comparison(
        variant=variant,
        reference=reference,
        windows=len(truth),
        logits=_largest(found[LOGITS], expected[LOGITS]),
        probabilities=_largest(softmax(found[LOGITS]), softmax(expected[LOGITS])),
        dimensions=_largest(found[AFFECT], expected[AFFECT]) if AFFECT in expected else 0.0,
        agreement=float(np.mean(found[LOGITS].argmax(axis=1) == expected[LOGITS].argmax(axis=1))),
        uar=_uar(found[LOGITS], truth),
        reference_uar=_uar(expected[LOGITS], truth),
    )


def require(comparison: Comparison, requirements: Requirements) -> None:
    """Refuse a form that has drifted too far.

    Raises:
        ParityError: saying by how much.
    """
    where = f"{comparison.variant} against {comparison.reference} on {comparison.windows} real windows"
    if comparison.reference == "torch":
        if comparison.agreement == 1 and comparison.logits <= requirements.float_error:
            return
        raise ParityError(
            f"{where}: largest error of the logits {comparison.logits:.2g} (at most {requirements.float_error:g}), "
            f"same label on {comparison.agreement:.2%} (must be all); the graph does not compute what the net does"
        )
    if comparison.agreement < requirements.agreement:
        raise ParityError(
            f"{where}: same label on {comparison.agreement:.2%}, at least {requirements.agreement:.0%} is required; "
            "no bundle was written: train longer, or export without --quantize"
        )


def softmax(logits: Floats) -> NDArray[np.float64]:
    """Probabilities, shape (windows, classes)."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _largest(found: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))


def _uar(logits: Floats, truth: NDArray[np.int64]) -> float:
    return float(unweighted_average_recall(confusion(truth, logits.argmax(axis=1), logits.shape[1])))
