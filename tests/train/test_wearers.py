"""What a baseline stage has heard of a speaker before an utterance is scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_app.core.baseline import Baseline
from edge_app.core.types import SAMPLE_RATE, Window
from edge_app.core.wearer import AdaptiveBaseline, Shrinkage, WearerSettings
from edge_app.errors import ConfigurationError
from train.corpora import Utterance
from train.wearers import BaselineSetting, Wearers, later, parse_setting

SCALE = 1e4
BASELINE = Baseline("digest", 1, np.zeros(2, np.float32), np.full(2, SCALE, np.float32))
SETTINGS = WearerSettings(adaptive=Shrinkage(prior=10.0), enrolled=Shrinkage(prior=2.0))
LABELS = ("neutral", "neutral", "neutral", "neutral", "anger", "sadness", None)


def corpus(*speakers: str, labels: tuple[str | None, ...] = LABELS) -> list[Utterance]:
    return [
        Utterance(path=Path(f"{speaker}/{number}.wav"), corpus="made", speaker=speaker, language="und", label=label)
        for speaker in speakers
        for number, label in enumerate(labels)
    ]


def value(utterance: Utterance) -> float:
    """The feature of every window of an utterance: tells who spoke and which utterance it was."""
    return 100.0 * ord(utterance.speaker[0]) + float(utterance.path.stem)


def windows(utterance: Utterance) -> list[Window]:
    """Three seconds of speech in windows of one second, half a second apart."""
    row = np.full(2, value(utterance), np.float32)
    return [Window(row, at, at + SAMPLE_RATE, 1.0) for at in range(0, 2 * SAMPLE_RATE + 1, SAMPLE_RATE // 2)]


def wearers(
    setting: str, utterances: list[Utterance], hold_out: float | None = None, seed: int = 0,
    listen: Callable[[Utterance], list[Window]] = windows,
) -> Wearers:  # fmt: skip
    return Wearers(BASELINE, SETTINGS, parse_setting(setting), hold_out, utterances, listen, seed)


def usual(stage: object) -> float:
    """The mean that a stage takes away."""
    return -SCALE * float(stage.standardise(np.zeros(2, np.float32))[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("none", BaselineSetting("none")),
        ("adaptive", BaselineSetting("adaptive")),
        ("adaptive:60", BaselineSetting("adaptive", 60.0)),
        ("one-mood:9", BaselineSetting("one-mood", 9.0)),
        ("enrolled:2.5", BaselineSetting("enrolled", 2.5)),
        ("whole", BaselineSetting("whole")),
    ],
)
def test_settings_are_read_and_written(text: str, setting: BaselineSetting) -> None:
    assert parse_setting(text) == setting
    assert str(setting) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enrolled",
        "none:3",
        "adaptive:",
        "adaptive:0",
        "enrolled:-1",
        "enrolled:nan",
        "adaptive:inf",
        "one-mood",
        "whole:3",
        "me",
    ],
)
def test_other_settings_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="choose none, adaptive"):
        parse_setting(text)


def test_without_a_baseline_nothing_is_heard_or_held() -> None:
    utterances = corpus("ann", "bob")
    found = wearers("none", utterances, listen=lambda utterance: pytest.fail("nobody should listen"))
    assert found.in_order(utterances) == utterances
    assert found.start(utterances[0]).stage is BASELINE
    assert found.record() == {
        "setting": "none", "weight": 0.0, "heard": 0.0, "hold_out": 0.0, "held": 0, "without": [],
    }  # fmt: skip


def test_enrolment_hears_neutral_speech_of_the_same_speaker_and_does_not_score_it() -> None:
    utterances = corpus("ann", "bob")
    found = wearers("enrolled:4", utterances)
    assert {utterance.label for utterance in found.held} == {"neutral"}
    assert len(found.held) == 4
    for speaker in ("ann", "bob"):
        mine = [utterance for utterance in found.held if utterance.speaker == speaker]
        scored = [utterance for utterance in found.in_order(utterances) if utterance.speaker == speaker]
        assert not set(mine) & set(scored)
        start = found.start(scored[0])
        assert start.heard == pytest.approx(4.0)
        weight = 4.0 / (4.0 + 2.0)
        first, second = (weight * (3.0 * value(a) + 1.0 * value(b)) / 4.0 for a, b in (mine, mine[::-1]))
        assert usual(start.stage) == pytest.approx(first) or usual(start.stage) == pytest.approx(second)
        assert start.stage.weight == pytest.approx(weight)


def test_a_shorter_enrolment_is_the_beginning_of_a_longer_one() -> None:
    utterances = corpus("ann", "bob", "cem")
    short, long = wearers("enrolled:2", utterances), wearers("enrolled:6", utterances)
    assert short.held < long.held
    assert wearers("enrolled:2", utterances, hold_out=6).held == long.held
    assert wearers("none", utterances, hold_out=6).held == long.held
    assert wearers("adaptive", utterances, hold_out=6).held == long.held


def test_at_most_half_of_the_neutral_utterances_are_enrolled() -> None:
    utterances = corpus("ann")
    assert len(wearers("enrolled:600", utterances).held) == 2


def test_speakers_without_neutral_speech_run_without_and_are_named() -> None:
    utterances = corpus("ann") + corpus("bob", labels=("anger", "sadness", "neutral"))
    found = wearers("enrolled:3", utterances)
    assert found.without == ["bob"]
    assert found.start(utterances[-1]).stage is BASELINE
    assert {utterance.speaker for utterance in found.held} == {"ann"}


def test_so_many_seconds_of_others_are_heard_before_an_utterance() -> None:
    utterances = corpus("ann", "bob")
    found = wearers("adaptive:7", utterances)
    for utterance in found.in_order(utterances):
        start = found.start(utterance)
        assert start.heard == pytest.approx(7.0)
        heard = usual(start.stage) / start.stage.weight - 100.0 * ord(utterance.speaker[0])
        assert 0 <= heard <= 6  # nothing of other speakers
    (mine,) = [wearers("adaptive:600", utterances).start(utterances[4]) for _ in range(1)]
    others = np.mean([value(each) for each in utterances[:7] if each is not utterances[4]])
    assert usual(mine.stage) == pytest.approx(18 / 28 * others)


def test_a_wearer_in_one_mood_is_heard_in_that_mood_only() -> None:
    labels = ("neutral", "anger", "anger", "anger", "neutral")
    utterances = corpus("ann", labels=labels)
    found = wearers("one-mood:600", utterances)
    start = found.start(utterances[2])
    assert start.heard == pytest.approx(6.0)
    weight = SETTINGS.adaptive.weight(6.0)
    assert usual(start.stage) == pytest.approx(weight * (value(utterances[1]) + value(utterances[3])) / 2)


def test_the_whole_of_a_speaker_is_the_mean_of_all_that_they_say_at_full_weight() -> None:
    utterances = corpus("ann", "bob")
    found = wearers("whole", utterances)
    for utterance in utterances:
        start = found.start(utterance)
        mine = [value(each) for each in utterances if each.speaker == utterance.speaker]
        assert usual(start.stage) == pytest.approx(np.mean(mine))
        assert start.stage.weight == 1.0
        assert start.heard == pytest.approx(3.0 * len(mine))


def test_a_stream_hears_each_utterance_once_after_it_was_scored() -> None:
    utterances = corpus("ann", "bob")
    found = wearers("adaptive", utterances)
    scorable = [utterance for utterance in utterances if utterance.label in ("neutral", "anger")]
    order = found.in_order(scorable)
    assert set(order) == set(scorable)
    assert order != scorable
    heard: dict[str, list[float]] = {}
    for utterance in order:
        start = found.start(utterance)
        assert isinstance(start.stage, AdaptiveBaseline)
        heard.setdefault(utterance.speaker, []).append(start.stage.seconds)
        for window in later(windows(utterance), start.offset):
            start.stage.hear(window)
    for seconds in heard.values():
        assert seconds == sorted(seconds)
        assert np.allclose(np.mod(seconds, 3.0), 0.0)
        assert len(set(seconds)) == len(seconds)
        assert max(seconds) <= 18.0


@pytest.mark.parametrize("setting", ["adaptive", "adaptive:5", "enrolled:5"])
def test_draws_depend_on_names_and_seed_alone(setting: str) -> None:
    utterances = corpus("ann", "bob")

    def usuals(listed: list[Utterance], seed: int = 0) -> dict[Utterance, float]:
        found = wearers(setting, listed, seed=seed)
        return {utterance: usual(found.start(utterance).stage) for utterance in found.in_order(listed)}

    assert usuals(utterances[::-1]) == usuals(utterances)
    assert usuals(utterances, seed=1) != usuals(utterances)
