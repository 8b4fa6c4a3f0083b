"""What the baseline stage had heard of a speaker before an utterance of theirs is scored.

``none``         nothing: the bundle's own statistics.
``adaptive``     all that a speaker says, whatever its label, in one random order, as one stream; each utterance is
                 scored by what came before it.
``adaptive:S``   S seconds of speech from the speaker's other utterances, whatever their label, drawn for each one.
``one-mood:S``   the adverse case, a wearer who was long in one mood: as ``adaptive:S``, but only from utterances of the
                 same label as the one that is scored.
``enrolled:S``   S seconds of speech from the speaker's neutral utterances, drawn once, as enrolment would.
``whole``        all that a speaker says, whatever its label, the scored utterance included, at full weight: what papers
                 call normalisation by speaker. No device knows as much; it is there to be compared with them.

While an utterance is scored the stage goes on hearing, as it does on the device. Everything is drawn by the seed and
the names of utterances and speakers alone. Utterances drawn for enrolment are not scored; at most half of a speaker's
neutral ones are drawn. Their order does not depend on the seconds, so ``enrolled:5`` hears the beginning of what
``enrolled:30`` hears: with ``hold_out=30`` those of ``enrolled:30`` are left out under every setting, and all figures
are over the same utterances.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from edge_app.core.baseline import Baseline, BaselineStage
from edge_app.core.types import Floats, Window
from edge_app.core.wearer import AdaptiveBaseline, HeardSpeech, WearerSettings, enrolled_baseline
from edge_app.errors import ConfigurationError
from train.corpora import Utterance

Kind: TypeAlias = Literal["none", "adaptive", "one-mood", "enrolled", "whole"]
KINDS: dict[str, Kind] = {
    "none": "none",
    "adaptive": "adaptive",
    "one-mood": "one-mood",
    "enrolled": "enrolled",
    "whole": "whole",
}
ALONE = "none", "adaptive", "whole"
"""Kinds that need no seconds."""
NEUTRAL = "neutral"
MOST_ENROLLED = 0.5
"""Share of a speaker's neutral utterances that enrolment may take."""


@dataclass(frozen=True, slots=True)
class BaselineSetting:
    """A value of ``--baseline``.

    Attributes:
        kind: one of ``KINDS``.
        seconds: of speech heard; None for ``none``, ``whole`` and for ``adaptive`` as one stream.
    """

    kind: Kind = "none"
    seconds: float | None = None

    def __str__(self) -> str:
        return self.kind if self.seconds is None else f"{self.kind}:{self.seconds:g}"


def parse_setting(text: str) -> BaselineSetting:
    """Read ``none``, ``adaptive``, ``whole``, or ``adaptive:SECONDS``, ``one-mood:SECONDS`` or ``enrolled:SECONDS``.

    Raises:
        ConfigurationError: it is none of these.
    """
    kind, _, number = text.partition(":")
    if text in ALONE:
        return BaselineSetting(KINDS[text])
    try:
        duration = float(number)
    except ValueError:
        duration = 0.0
    if kind in KINDS and kind not in ("none", "whole") and np.isfinite(duration) and duration > 0:
        return BaselineSetting(KINDS[kind], duration)
    raise ConfigurationError(
        f"--baseline {text}: choose none, adaptive, whole, adaptive:SECONDS, one-mood:SECONDS or enrolled:SECONDS, as "
        "in enrolled:30"
    )


def utterance_name(utterance: Utterance) -> str:
    """A name for seeds, the same wherever the corpus lies."""
    return f"{utterance.corpus}/{utterance.path.parent.name}/{utterance.path.stem}/{utterance.start or 0:g}"


def seeded(seed: int, name: str) -> np.random.Generator:
    """A generator that depends on the seed and a name alone."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def later(windows: Sequence[Window], offset: int) -> list[Window]:
    """The same windows, so many samples later in their stream."""
    return [replace(window, start=window.start + offset, end=window.end + offset) for window in windows]


@dataclass(frozen=True, slots=True)
class Start:
    """A stage that is ready for an utterance.

    Attributes:
        stage: the stage, which may go on hearing.
        offset: where in its stream the utterance begins, in samples.
        heard: seconds of speech that it knows the speaker by.
    """

    stage: BaselineStage
    offset: int = 0
    heard: float = 0.0


class Wearers:
    """The stages of all speakers of a corpus.

    Args:
        baseline: the bundle's statistics.
        wearer: how the bundle takes a wearer's baseline.
        setting: what has been heard.
        hold_out: seconds of neutral speech of each speaker that are not scored; None for what the setting needs.
        utterances: all utterances, scored or not.
        windows: the windows of an utterance.
        seed: of everything that is drawn.

    Attributes:
        held: the utterances that are not scored.
        without: speakers who are enrolled in nothing, because the corpus has no neutral speech of theirs to spare.
        heard: seconds heard before each utterance that was asked for.
        weights: weight of the wearer before each of them.
    """

    def __init__(
        self,
        baseline: Baseline,
        wearer: WearerSettings,
        setting: BaselineSetting,
        hold_out: float | None,
        utterances: Sequence[Utterance],
        windows: Callable[[Utterance], list[Window]],
        seed: int,
    ) -> None:
        self.setting = setting
        self.hold_out = max(hold_out or 0.0, (setting.seconds or 0.0) if setting.kind == "enrolled" else 0.0)
        self.held: set[Utterance] = set()
        self.without: list[str] = []
        self.heard: list[float] = []
        self.weights: list[float] = []
        self._baseline = baseline
        self._settings = wearer
        self._windows = windows
        self._seed = seed
        self._spoken: dict[str, list[Utterance]] = {}
        for utterance in sorted(utterances, key=utterance_name):
            self._spoken.setdefault(utterance.speaker, []).append(utterance)
        self._enrolled: dict[str, tuple[Baseline, float]] = {}
        if self.hold_out:
            for speaker in sorted(self._spoken):
                self._enroll(speaker)
        self._speaker = ""
        self._means: dict[Utterance, list[Window]] = {}
        self._whole = Start(baseline)
        self._stream: Iterator[tuple[Utterance, Start]] = iter(())

    def in_order(self, utterances: Sequence[Utterance]) -> list[Utterance]:
        """The utterances that are scored, in the order in which :meth:`start` must be asked for them."""
        scored = [utterance for utterance in utterances if utterance not in self.held]
        if self.setting.kind not in ("adaptive", "one-mood"):
            return scored
        wanted = set(scored)
        return [u for speaker in sorted(self._spoken) for u in self._order(speaker) if u in wanted]

    def start(self, utterance: Utterance) -> Start:
        """The stage as it is before an utterance, which it may go on hearing."""
        kind, seconds = self.setting.kind, self.setting.seconds
        if kind == "none":
            start = Start(self._baseline)
        elif kind == "whole":
            start = self._all(utterance.speaker)
        elif kind == "enrolled":
            start = Start(self._baseline)
            if utterance.speaker in self._enrolled:
                enrolled, heard = self._enrolled[utterance.speaker]
                start = Start(AdaptiveBaseline(enrolled, self._settings.adaptive, self._baseline), heard=heard)
        elif seconds is None:
            start = self._next(utterance)
        else:
            others = [each for each in self._spoken[utterance.speaker] if each is not utterance]
            if kind == "one-mood":
                others = [each for each in others if each.label == utterance.label]
            order = seeded(self._seed, f"adaptive {utterance_name(utterance)}").permutation(len(others))
            start = self._after([others[number] for number in order], seconds)
        self.weights.append(start.stage.weight)
        self.heard.append(start.heard)
        return start

    def record(self) -> dict[str, Any]:
        """What was done, as JSON can hold it."""
        return {
            "setting": str(self.setting),
            "weight": round(float(np.mean(self.weights)), 4) if self.weights else 0.0,
            "heard": round(float(np.mean(self.heard)), 2) if self.heard else 0.0,
            "hold_out": self.hold_out,
            "held": len(self.held),
            "without": self.without,
        }

    def _order(self, speaker: str) -> list[Utterance]:
        spoken = self._spoken[speaker]
        return [spoken[number] for number in seeded(self._seed, f"stream {speaker}").permutation(len(spoken))]

    def _enroll(self, speaker: str) -> None:
        neutral = [utterance for utterance in self._spoken[speaker] if utterance.label == NEUTRAL]
        order = seeded(self._seed, f"enrolled {speaker}").permutation(len(neutral))
        wanted = self.setting.seconds or 0.0
        enrolled = HeardSpeech(self._baseline)
        spent, offset = 0.0, 0
        for number in order[: int(MOST_ENROLLED * len(neutral))]:
            if spent >= self.hold_out:
                break
            self.held.add(neutral[number])
            windows = later(self._windows(neutral[number]), offset)
            whole = HeardSpeech(self._baseline)
            for window in windows:
                whole.hear(window)
                if enrolled.seconds < wanted:
                    enrolled.hear(window)
            spent += whole.seconds
            offset = windows[-1].end if windows else offset
        if self.setting.kind != "enrolled":
            return
        if enrolled.seconds == 0:
            self.without.append(speaker)
        else:
            statistics = enrolled.statistics(self._baseline.digest, 0)
            baseline = enrolled_baseline(self._baseline, statistics, self._settings)
            self._enrolled[speaker] = baseline, enrolled.seconds

    def _all(self, speaker: str) -> Start:
        if speaker != self._speaker:
            heard, offset = HeardSpeech(self._baseline), 0
            for utterance in self._spoken[speaker]:
                windows = later(self._windows(utterance), offset)
                for window in windows:
                    heard.hear(window)
                offset = windows[-1].end if windows else offset
            mean = heard.mean.astype(np.float32) if heard.seconds else self._baseline.mean
            self._speaker = speaker
            self._whole = Start(replace(self._baseline, mean=mean, weight=float(heard.seconds > 0)), 0, heard.seconds)
        return self._whole

    def _after(self, order: Sequence[Utterance], seconds: float) -> Start:
        stage, offset = AdaptiveBaseline(self._baseline, self._settings.adaptive), 0
        for utterance in order:
            windows = later(self._means_of(utterance), offset)
            for window in windows:
                stage.hear(window)
                if stage.seconds >= seconds:
                    return Start(stage, window.end, stage.seconds)
            offset = windows[-1].end if windows else offset
        return Start(stage, offset, stage.seconds)

    def _next(self, utterance: Utterance) -> Start:
        if utterance.speaker != self._speaker:
            self._speaker = utterance.speaker
            self._stream = self._through(utterance.speaker)
        return next(start for each, start in self._stream if each is utterance)

    def _through(self, speaker: str) -> Iterator[tuple[Utterance, Start]]:
        """One stream of all that a speaker says: the stage before each utterance, which then hears it."""
        stage, offset = AdaptiveBaseline(self._baseline, self._settings.adaptive), 0
        for utterance in self._order(speaker):
            yield utterance, Start(stage, offset, stage.seconds)
            windows = later(self._windows(utterance), offset)
            for window in windows:
                stage.hear(window)  # what was scored was heard then, and does not count again
            offset = windows[-1].end if windows else offset

    def _means_of(self, utterance: Utterance) -> list[Window]:
        """The windows of an utterance, reduced to their mean rows: nearly all that a stage learns from them."""
        if utterance.speaker != self._speaker:
            self._speaker, self._means = utterance.speaker, {}
        if utterance not in self._means:
            size = len(self._baseline.mean)
            self._means[utterance] = [
                replace(window, features=_mean(window.features, size)) for window in self._windows(utterance)
            ]
        return self._means[utterance]


def _mean(features: Floats, size: int) -> Floats:
    mean: Floats = features.reshape(-1, size).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
