"""How labels follow a timeline: counts and times worked out by hand."""

from __future__ import annotations

import pytest

from edge_app.bench.following import Followed, Shown, agreement, emotion_at, follow, label_changes
from edge_app.bench.timeline import Mood, Stretch, moods
from edge_app.core.types import Estimate, samples

LABELS = ("neutral", "happiness", "sadness", "anger")


def shown(end: float, label: str | None, latency: float = 0.0) -> Shown:
    state = "speech" if label else "no-speech"
    stop = samples(end)
    return Shown(Estimate(stop - 16_000, stop, state, label, None, {}, None, None, None, 1.0, 0.001), latency)  # type: ignore[arg-type]


def sequence(text: str, hop: float = 0.25) -> list[Shown]:
    """One estimate per letter, the first at 1 s: n, h, s, a, or - for no speech."""
    names = {name[0]: name for name in LABELS}
    return [shown(1 + hop * number, names.get(letter)) for number, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("text", "changes"), [("", 0), ("nnnn", 0), ("nnaann", 2), ("n--n-n", 0), ("n--a--a", 1), ("-nana-", 3)]
)
def test_changes_of_the_label(text: str, changes: int) -> None:
    assert label_changes(sequence(text)) == changes


def test_moods_are_emotions_in_turn() -> None:
    timeline = [
        Stretch(0, 1, "", "pause"), Stretch(1, 3, "a", "anger"), Stretch(3, 4, "", "pause"),
        Stretch(4, 6, "b", "anger"), Stretch(6, 6.5, "", "pause"), Stretch(6.5, 8, "a", "sadness"),
        Stretch(8, 9, "", "pause"),
    ]  # fmt: skip
    assert moods(timeline) == [Mood(1, 6.5, "anger"), Mood(6.5, 9, "sadness")]
    assert moods(timeline[:1]) == []


def test_delays_by_hand() -> None:
    truth = [Mood(0, 2, "neutral"), Mood(2, 4, "anger"), Mood(4, 6, "sadness"), Mood(6, 8, "neutral"),
             Mood(8, 9, "boredom")]  # fmt: skip
    # at        1.0  1.5  2.0  2.5  3.0  3.5  4.0  4.5  5.0  5.5  6.0  6.5  7.0
    found = sequence("n" "n" "n" "n" "a" "a" "a" "h" "h" "n" "n" "n" "n", hop=0.5)  # fmt: skip
    # Anger comes a second late; sadness never, in two seconds; neutral is there before its time; boredom is not the
    # model's.
    assert follow(found, truth, LABELS) == Followed((1.0,), (1.0, 2.0, 0.0), 1, 1)
    assert follow(found, truth[:1], LABELS) == Followed((), (), 0, 0)


def test_what_was_shown_last_counts_through_silence() -> None:
    truth = [Mood(0, 2, "neutral"), Mood(2, 4, "anger")]
    assert follow(sequence("na--na", hop=0.5), truth, LABELS) == Followed((), (0.0,), 1, 0)
    assert follow(sequence("----na", hop=0.5), truth, LABELS) == Followed((1.5,), (1.5,), 0, 0)


def test_a_delay_counts_the_time_until_the_estimate_was_there() -> None:
    truth = [Mood(0, 2, "neutral"), Mood(2, 4, "anger")]
    found = follow([shown(1.0, "neutral"), shown(2.5, "anger", latency=0.3)], truth, LABELS)
    assert found.delays == found.waits == (pytest.approx(0.8),)
    late = [shown(1.0, "neutral"), shown(3.9, "anger", latency=0.3)]
    assert follow(late, truth, LABELS) == Followed((), (2.0,), 0, 1)


def test_a_label_is_compared_in_the_middle_of_its_window() -> None:
    timeline = [Stretch(0, 2, "a", "anger"), Stretch(2, 3, "", "pause"), Stretch(3, 5, "a", "sadness")]
    # middles          0.5    1.5    2.5 (pause)   3.5    4.5
    found = [shown(1.0, "anger"), shown(2.0, "neutral"), shown(3.0, "anger"), shown(4.0, "sadness"), shown(5.0, None)]
    assert agreement(found, timeline, LABELS) == (2, 3)
    assert agreement(found, timeline, ("anger", "neutral")) == (1, 2)
    assert [emotion_at(timeline, each.estimate) for each in found] == ["anger", "anger", "pause", "sadness", "sadness"]
