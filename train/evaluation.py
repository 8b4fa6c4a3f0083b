"""Measuring an exported bundle on a corpus, through the same front half as on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np

from edge_app.bundle import ModelBundle
from edge_app.core.labels import AFFECT_NORMS, DIMENSIONS
from edge_app.core.types import Floats, Window
from edge_app.errors import CorpusError
from train.corpora import Utterance, read_utterance
from train.noise import NoiseSource, mix_at_snr
from train.scoring import BundleScorer, WindowScores
from train.summary import Decisions, summarise
from train.wearers import Wearers, later, parse_setting, seeded, utterance_name

Level: TypeAlias = Literal["window", "utterance"]
Reference: TypeAlias = Literal["mapped", "rated"]
Progress: TypeAlias = Callable[[Sequence[Utterance]], Iterable[Utterance]]

Hear: TypeAlias = Callable[[BundleScorer, Utterance], list[Window]]

UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class NoiseCondition:
    """Noise that is added to every utterance.

    Attributes:
        source: where it is drawn from.
        snr_db: signal-to-noise ratio in decibels.
    """

    source: NoiseSource
    snr_db: float


def evaluate(
    bundle: ModelBundle,
    utterances: Sequence[Utterance],
    *,
    variant: str | None = None,
    level: Level = "utterance",
    noise: NoiseCondition | None = None,
    vad: str = "webrtc",
    baseline: str = "none",
    hold_out: float | None = None,
    seed: int = 0,
    progress: Progress = iter,
    hear: Hear | None = None,
) -> dict[str, Any]:
    """Run a bundle over utterances and compute its figures.

    An utterance's estimate is pooled over its windows with enough speech, by the mean log probability; where voice
    activity finds too little in every window, over those with the most. At window level such utterances count for
    nothing. Utterances whose label the model lacks are skipped, but count for the dimensions where they are rated.

    Args:
        bundle: the model.
        utterances: of one corpus or several.
        variant: ``fp32`` or ``int8``; None takes int8 where the bundle has it.
        level: what a decision is made on.
        noise: noise to add, or None.
        vad: key of ``DETECTORS``.
        baseline: ``none``, ``adaptive``, ``adaptive:SECONDS`` or ``enrolled:SECONDS``: what had been heard of a speaker
            before each utterance, see :mod:`train.wearers`.
        hold_out: leave out of scoring, under any baseline, the neutral utterances that enrolment for so many seconds
            would draw; None for those that ``baseline`` itself draws. Figures compare where this is the same.
        seed: of the places in the noise, of what was heard, which both depend on nothing else but names, and of the
            bootstrap.
        progress: wraps the utterances while they are run.
        hear: gives the windows of an utterance, where they are known already; None lets the bundle compute them.

    Returns:
        What JSON can hold: the figures of :func:`train.summary.summarise`, and ``model``, ``version``, ``variant``,
        ``corpus``, ``level``, ``vad``, ``n`` (decisions about the label), ``utterances``, ``skipped`` by label,
        ``without_speech`` and ``too_short`` (utterances), ``reference`` of the dimensions (``mapped`` or ``rated``),
        ``trained_on_corpus``, ``noise`` and ``baseline``: its ``setting``; the ``weight`` of the wearer and the seconds
        ``heard`` before an utterance, means; ``hold_out`` and the number of utterances ``held`` out by it; and the
        speakers ``without`` neutral speech to enrol from.

    Raises:
        ConfigurationError: there is no such baseline.
        CorpusError: no utterance can be scored, or one is too silent for noise to be added.
        AudioFormatError: a recording cannot be read.
        BundleError: the bundle cannot run.
    """
    scorer = BundleScorer(bundle, variant, vad)
    reference = reference_of(utterances)
    judged = scorable(utterances, bundle)
    lacking = Counter(u.label or UNLABELLED for u in utterances if u.label not in bundle.labels)
    if not judged:
        found = ", ".join(f"{label} ({count})" for label, count in sorted(lacking.items())) or "nothing"
        raise CorpusError(f"nothing to score: the model knows {', '.join(bundle.labels)}; the corpus has {found}")

    @lru_cache(maxsize=1)  # an utterance that is scored is also heard
    def windows(utterance: Utterance) -> list[Window]:
        return hear(scorer, utterance) if hear else scorer.windows(noisy_audio(utterance, noise, seed))

    setting = parse_setting(baseline)
    wearers = Wearers(bundle.baseline, bundle.wearer, setting, hold_out, utterances, windows, seed)
    rows: list[tuple[Utterance, WindowScores]] = []
    without_speech = too_short = 0
    for utterance in progress(wearers.in_order(judged)):
        start = wearers.start(utterance)
        scores = scorer.score_windows(later(windows(utterance), start.offset), start.stage)
        if len(scores.speech) == 0:
            too_short += 1
            continue
        chosen = scores.select(bundle.min_speech)
        without_speech += len(chosen.speech) == 0
        if level == "utterance":
            chosen = scores.of_utterance(bundle.min_speech)
        rows.append((utterance, chosen))
    decisions = make_decisions(bundle.labels, bundle.dimensions, rows, reference)
    if len(decisions.truth) == 0:
        raise CorpusError("nothing to score: no recording has a window with speech; is this corpus speech at all?")
    corpora = sorted({utterance.corpus for utterance in utterances})
    return {
        "model": bundle.name,
        "version": bundle.version,
        "variant": scorer.variant,
        "corpus": "+".join(corpora),
        "level": level,
        "vad": vad,
        "n": int((decisions.truth >= 0).sum()),
        "utterances": len(rows),
        "skipped": dict(sorted(lacking.items())),
        "without_speech": without_speech,
        "too_short": too_short,
        "trained_on_corpus": any(corpus in bundle.corpora for corpus in corpora),
        "noise": None if noise is None else {"kind": noise.source.name, "snr_db": noise.snr_db},
        "baseline": wearers.record(),
        "reference": reference if bundle.dimensions else None,
        **summarise(decisions, seed=seed),
    }


def reference_of(utterances: Sequence[Utterance]) -> Reference:
    """What dimensions are compared with: ratings, where any utterance has some."""
    return "rated" if any(map(_is_rated, utterances)) else "mapped"


def scorable(utterances: Sequence[Utterance], bundle: ModelBundle) -> list[Utterance]:
    """The utterances that a bundle can be measured on: of a class that it knows, or rated where it has dimensions."""
    reference = reference_of(utterances)
    return [utterance for utterance in utterances if _is_scorable(utterance, bundle, reference)]


def _is_rated(utterance: Utterance) -> bool:
    return any(getattr(utterance, name) is not None for name in DIMENSIONS)


def _is_scorable(utterance: Utterance, bundle: ModelBundle, reference: Reference) -> bool:
    rated = reference == "rated" and bool(bundle.dimensions) and _is_rated(utterance)
    return utterance.label in bundle.labels or rated


def noisy_audio(utterance: Utterance, noise: NoiseCondition | None, seed: int) -> Floats:
    """An utterance under a condition; the stretch of noise depends on the seed and the utterance's name alone.

    Raises:
        CorpusError: it is too silent for noise to be added.
    """
    samples = read_utterance(utterance)
    if noise is None:
        return samples
    stretch = noise.source.draw(len(samples), seeded(seed, utterance_name(utterance)))
    try:
        return mix_at_snr(samples, stretch, noise.snr_db)
    except CorpusError as error:
        raise CorpusError(f"{utterance.path}: {error}; leave the recording out") from None


def _dimensions(utterance: Utterance, names: Sequence[str], reference: Reference) -> list[float]:
    """True values, NaN where they are not known."""
    if reference == "rated":
        source: Any = utterance
    else:
        source = AFFECT_NORMS[utterance.label] if utterance.label else None
    values = [getattr(source, name, None) for name in names]
    return [np.nan if value is None else value for value in values]


def make_decisions(
    labels: tuple[str, ...],
    names: tuple[str, ...],
    rows: Sequence[tuple[Utterance, WindowScores]],
    reference: Reference,
) -> Decisions:
    """What a model said about utterances beside what is true.

    Args:
        labels: its classes.
        names: its dimensions.
        rows: utterances with their scores: one row for an utterance, or its windows.
        reference: what dimensions are compared with.
    """
    counts = [len(scores.speech) for _, scores in rows]
    classes, dimensions = len(labels), len(names)
    index = {label: at for at, label in enumerate(labels)}
    truth = [index.get(utterance.label or "", -1) for utterance, _ in rows]
    known = [_dimensions(utterance, names, reference) for utterance, _ in rows]
    return Decisions(
        labels=labels,
        dimension_names=names,
        speakers=np.repeat([utterance.speaker for utterance, _ in rows], counts).tolist(),
        truth=np.repeat(np.array(truth, dtype=np.int64), counts),
        probabilities=np.concatenate([np.zeros((0, classes)), *(scores.probabilities for _, scores in rows)]),
        reference=np.repeat(np.array(known, dtype=np.float64).reshape(len(rows), dimensions), counts, axis=0),
        dimensions=np.concatenate([np.zeros((0, dimensions)), *(scores.dimensions for _, scores in rows)]),
    )
