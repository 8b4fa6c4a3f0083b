"""Robustness curves over a cross-validation: every utterance under noise, judged by a net that never heard its speaker.

Each test utterance goes the way of a device, voice activity on the noisy audio included; what the folds' nets say is
scored together, as for clean speech.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from edge_app.core.features import EXTRACTORS
from edge_app.core.types import Floats
from edge_app.core.windows import WindowSpec
from edge_app.errors import ConfigurationError
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector
from train.corpora import Utterance
from train.crossval import LEAST_SPEECH, RESULT, Plan, fold_path, read_plan
from train.evaluation import NoiseCondition, make_decisions, noisy_audio, reference_of
from train.noise import NoiseSource
from train.noise_curves import measure_curves
from train.run import Run, load_run
from train.scoring import WindowScores
from train.summary import summarise

VAD = "webrtc"


class NetScorer:
    """The net of a run behind the device's front half.

    Args:
        run: a finished run.
    """

    def __init__(self, run: Run) -> None:
        self._net = run.net
        self._baseline = run.baseline
        self._windows = WindowStream(EXTRACTORS[run.config.data.features](), make_detector(VAD), WindowSpec())

    def score(self, samples: Floats) -> WindowScores | None:
        """Score all windows of a recording, float32, shape (n,); None where it is too short for one."""
        self._windows.reset()
        windows = [*self._windows.feed(samples), *self._windows.flush()]
        if not windows:
            return None
        features = np.stack([self._baseline.standardise(window.features) for window in windows])
        with torch.no_grad():
            output = self._net(torch.from_numpy(features))
        return WindowScores(
            torch.softmax(output.logits, dim=1).double().numpy(),
            output.dimensions.double().numpy(),
            np.array([window.speech for window in windows]),
        )


def tested_utterances(plan: Plan) -> list[Utterance]:
    """All utterances that some fold tests and that have one of the classes."""
    utterances, cut = read_plan(plan)
    labels = plan.config.data.labels
    return [utterances[n] for fold in cut for n in fold.test if utterances[n].label in labels]


def fold_curves(
    plan: Plan,
    sources: Sequence[NoiseSource],
    ratios: Sequence[float | None],
    seed: int,
    progress: Callable[[Iterable[Utterance]], Iterable[Utterance]] = iter,
) -> dict[str, Any]:
    """Curves of a cross-validation whose folds are all done.

    Args:
        plan: the cross-validation.
        sources: kinds of noise.
        ratios: in decibels, None for clean speech.
        seed: of the stretches of noise and of intervals.
        progress: wraps the utterances of each condition.

    Returns:
        As :func:`train.noise_curves.measure_curves`, with ``protocol`` and ``also``, and no ``version``.

    Raises:
        ConfigurationError: a fold is not done.
        CorpusError: an utterance is too silent for noise to be added.
    """
    utterances, cut = read_plan(plan)
    labels = plan.config.data.labels
    judged: dict[Utterance, NetScorer] = {}
    dimensions: tuple[str, ...] = ()
    for fold in cut:
        if not (fold_path(plan, fold) / RESULT).is_file():
            raise ConfigurationError(f"{fold_path(plan, fold)}: this fold is not done; run the cross-validation first")
        run = load_run(fold_path(plan, fold))
        dimensions = tuple(run.net.dimensions)
        scorer = NetScorer(run)
        judged |= {utterances[n]: scorer for n in fold.test if utterances[n].label in labels}
    reference = reference_of(list(judged))

    def evaluate(condition: NoiseCondition | None) -> dict[str, Any]:
        rows, without_speech = [], 0
        for utterance in progress(list(judged)):
            scores = judged[utterance].score(noisy_audio(utterance, condition, seed))
            if scores is None:
                continue
            without_speech += bool(scores.speech.max() < LEAST_SPEECH)
            rows.append((utterance, scores.of_utterance(LEAST_SPEECH)))
        decisions = make_decisions(labels, dimensions, rows, reference)
        return {
            "model": plan.config.name,
            "variant": "net",
            "corpus": "+".join(plan.corpora),
            "level": "utterance",
            "vad": VAD,
            "n": len(rows),
            "utterances": len(rows),
            "without_speech": without_speech,
            "reference": reference if dimensions else None,
            "trained_on_corpus": plan.protocol == "emobox",
            **summarise(decisions, seed=seed),
        }

    experiment = {"training": {"experiment": plan.config.as_dict()}}
    return {
        **measure_curves(evaluate, sources, ratios, experiment),
        "protocol": plan.protocol,
        "also": list(plan.also),
        "seed": seed,
    }
