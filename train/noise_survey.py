"""Robustness curves of many bundles at once: what reads the same features hears every noisy utterance once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edge_app.bundle import ModelBundle
from edge_app.core.types import Window
from train.corpora import Utterance
from train.evaluation import NoiseCondition, evaluate, noisy_audio
from train.front_errors import measure_front
from train.noise import NoiseSource
from train.noise_curves import measure_curves, speech_level
from train.noise_streams import spoken_streams
from train.scoring import BundleScorer

VAD = "webrtc"


class SharedEars:
    """Windows of utterances under a condition, computed at the first asking.

    Args:
        seed: of the noise.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._heard: dict[tuple[str, str, float | None, Utterance], list[Window]] = {}

    def under(self, condition: NoiseCondition | None) -> Callable[[BundleScorer, Utterance], list[Window]]:
        """What :func:`train.evaluation.evaluate` takes as ``hear``."""
        kind, ratio = (condition.source.name, condition.snr_db) if condition else ("", None)

        def hear(scorer: BundleScorer, utterance: Utterance) -> list[Window]:
            key = (scorer.bundle.feature_digest, kind, ratio, utterance)
            if key not in self._heard:
                self._heard[key] = scorer.windows(noisy_audio(utterance, condition, self._seed))
            return self._heard[key]

        return hear


def survey(
    bundles: Sequence[ModelBundle],
    utterances: Sequence[Utterance],
    sources: Sequence[NoiseSource],
    ratios: Sequence[float | None],
    detectors: Sequence[str],
    seed: int = 0,
) -> Iterator[tuple[ModelBundle, dict[str, Any]]]:
    """Curves of each bundle, as ``edge-ser evaluate --noise`` gives them for one.

    Args:
        bundles: with the same classes; those that read functionals share what they hear, in memory.
        utterances: of one corpus.
        sources: the kinds of noise.
        ratios: in decibels, None for clean speech.
        detectors: voice activity whose errors are measured.
        seed: of the stretches of noise and of intervals.

    Raises:
        CorpusError: no utterance can be scored, or one is too silent for noise to be added.
    """
    scored = [utterance for utterance in utterances if utterance.label in bundles[0].labels]
    streams = spoken_streams(scored, seed)
    front = measure_front(streams, sources, ratios, list(detectors), bundles[0].min_speech, seed)
    level = speech_level(scored)
    ears = SharedEars(seed)
    for bundle in bundles:
        shared = bundle.feature_kind == "egemaps"  # frames are too many to be kept

        def measure(
            condition: NoiseCondition | None, bundle: ModelBundle = bundle, shared: bool = shared
        ) -> dict[str, Any]:
            hear = ears.under(condition) if shared else None
            return evaluate(bundle, scored, vad=VAD, noise=condition, seed=seed, hear=hear)

        curves = measure_curves(measure, sources, ratios, bundle.manifest)
        yield bundle, {**curves, "seed": seed, "speech_level_dbfs": level, "front": front}
