from __future__ import annotations

from edge_app.core.records import SessionEnd
from edge_app.counted import counted
from edge_app.sinks.plain import summary


def test_one_and_several() -> None:
    assert [counted(number, "recording") for number in (0, 1, 2)] == ["0 recordings", "1 recording", "2 recordings"]


def test_the_summary_of_a_session_counts_so() -> None:
    said = summary(SessionEnd("eof", 1.0, 1, 1, None, None, None))
    assert said == "1.0 s of audio, 1 estimate, 1 block dropped"
