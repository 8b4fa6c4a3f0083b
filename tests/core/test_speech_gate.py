from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.speech import GateSettings, SpeechGate
from edge_app.core.types import Segment

FRAME = 320
SETTINGS = GateSettings(on=0.6, off=0.4, onset=3, hangover=5, padding=2)


def make_gate(capacity: int = 500) -> SpeechGate:
    return SpeechGate(SETTINGS, FRAME, capacity)


def probabilities(text: str) -> np.ndarray:
    """A frame per character: # is speech, . is none, ~ is neither (0.5)."""
    return np.array([{"#": 1.0, ".": 0.0, "~": 0.5}[character] for character in text], dtype=np.float32)


def decided(gate: SpeechGate, frames: int) -> str:
    """What the gate says about each frame."""
    return "".join("#" if gate.fraction(at * FRAME, (at + 1) * FRAME) else "." for at in range(frames))


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("...................", "..................."),
        ("........##..........", "...................."),
        (".......#####..............", ".....#########............"),
        (".......#####...#####..............", ".....#################............"),
        (".......###~~~~~~~~~~~", ".....################"),
        (".......~~~~~~~~~~~", ".................."),
        ("####......", "######...."),
    ],
)
def test_decisions(heard: str, expected: str) -> None:
    gate = make_gate()
    gate.feed(probabilities(heard))
    assert decided(gate, len(heard)) == expected


def test_segments_end_with_their_padding_and_go_on_meanwhile() -> None:
    gate = make_gate()
    (going,) = gate.feed(probabilities(".....###"), origin=1000)
    assert going == Segment(1000 + 3 * FRAME, 1000 + 8 * FRAME, is_final=False)
    (final,) = gate.feed(probabilities("##......"), origin=1000)
    assert final == Segment(1000 + 3 * FRAME, 1000 + 12 * FRAME, is_final=True)
    assert gate.feed(probabilities("....")) == []


def test_decisions_do_not_depend_on_the_calls(rng: np.random.Generator) -> None:
    heard = rng.random(400).astype(np.float32)
    whole, cut = make_gate(), make_gate()
    whole.feed(heard)
    for piece in np.split(heard, sorted(rng.integers(0, 400, 60))):
        cut.feed(piece)
    assert decided(whole, 400) == decided(cut, 400)


def test_fraction_counts_whole_frames_inside() -> None:
    gate = make_gate()
    gate.feed(probabilities("....................##########"))
    assert gate.fraction(10 * FRAME, 30 * FRAME) == pytest.approx(12 / 20)
    assert gate.fraction(18 * FRAME - 1, 30 * FRAME) == 1.0
    assert gate.fraction(0, FRAME // 2) == 0.0
    assert gate.fraction(30 * FRAME, 40 * FRAME) == 0.0


def test_only_the_newest_frames_are_remembered() -> None:
    gate = make_gate(capacity=20)
    gate.feed(probabilities("#" * 100 + "." * 100))
    assert gate.fraction(0, 200 * FRAME) == 0.0


@pytest.mark.parametrize(("length", "counts"), [(320, (3, 15, 5)), (512, (2, 9, 3)), (16000, (1, 1, 1))])
def test_other_frames_keep_the_durations(length: int, counts: tuple[int, int, int]) -> None:
    settings = GateSettings().for_frames(length)
    assert (settings.onset, settings.hangover, settings.padding) == counts
    assert (settings.on, settings.off) == (GateSettings().on, GateSettings().off)


def test_reset_forgets() -> None:
    gate = make_gate()
    gate.feed(probabilities("#" * 50))
    gate.reset()
    assert gate.fraction(0, 50 * FRAME) == 0.0
    assert gate.feed(probabilities("##")) == []
