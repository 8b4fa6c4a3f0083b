"""Running an exported bundle over recordings: the device's own front half, with all windows of a recording at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_app.bundle import ModelBundle
from edge_app.core.baseline import BaselineStage
from edge_app.core.types import Floats, Window
from edge_app.pipeline import WindowStream
from edge_app.runtime.onnx import open_predictor
from edge_app.vad import make_detector
from train.metrics import Doubles

SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True, slots=True)
class WindowScores:
    """What a model says about the windows of one recording.

    Attributes:
        probabilities: shape (windows, classes).
        dimensions: shape (windows, dimensions).
        speech: fraction of each window that is speech, shape (windows,).
    """

    probabilities: Doubles
    dimensions: Doubles
    speech: Doubles

    def select(self, min_speech: float) -> WindowScores:
        """Only the windows with at least that much speech."""
        chosen = self.speech >= min_speech
        return WindowScores(self.probabilities[chosen], self.dimensions[chosen], self.speech[chosen])

    def pool(self) -> WindowScores:
        """One row for all windows: mean log probability, normalised; mean dimensions and speech. Needs a window."""
        logarithms = np.log(np.maximum(self.probabilities, SMALLEST_PROBABILITY)).mean(axis=0)
        scores = np.exp(logarithms - logarithms.max())
        return WindowScores(
            (scores / scores.sum())[None], self.dimensions.mean(axis=0)[None], self.speech.mean(keepdims=True)
        )

    def of_utterance(self, min_speech: float) -> WindowScores:
        """One row: the windows with at least that much speech pooled, or where none has, those with the most."""
        return self.select(min(min_speech, float(self.speech.max()))).pool()


class BundleScorer:
    """A bundle as it runs on the device: voice activity, its features, windows and baseline, no smoothing.

    Args:
        bundle: the bundle.
        variant: ``fp32`` or ``int8``; None takes int8 where the bundle has it.
        vad: key of ``DETECTORS``.

    Raises:
        BundleError: the variant is missing, damaged, or needs features that this version does not compute.
    """

    def __init__(self, bundle: ModelBundle, variant: str | None = None, vad: str = "webrtc") -> None:
        self.bundle = bundle
        self.variant, path = bundle.variant_path(variant)
        self._predictor = open_predictor(path, bundle.state)
        self._windows = WindowStream(bundle.make_extractor(), make_detector(vad), bundle.window)

    def windows(self, samples: Floats) -> list[Window]:
        """All windows of a recording, float32, shape (n,); there is none in less than one frame of features."""
        self._windows.reset()
        return [*self._windows.feed(samples), *self._windows.flush()]

    def score(self, samples: Floats) -> WindowScores:
        """Score all windows of a recording, float32, shape (n,), by the bundle's own baseline."""
        return self.score_windows(self.windows(samples), self.bundle.baseline)

    def score_windows(self, windows: Sequence[Window], baseline: BaselineStage) -> WindowScores:
        """Score windows by a baseline, which hears each after it was standardised."""
        if not windows:
            return WindowScores(
                np.zeros((0, len(self.bundle.labels))), np.zeros((0, len(self.bundle.dimensions))), np.zeros(0)
            )
        rows = []
        for window in windows:
            rows.append(baseline.standardise(self._predictor.part(window)))
            baseline.hear(window)
        prediction = self._predictor.follow(rows)
        return WindowScores(
            prediction.probabilities, prediction.dimensions, np.array([window.speech for window in windows])
        )
