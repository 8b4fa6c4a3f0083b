"""Benchmarks run, count what they say they count, and report it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from edge_app.app import open_pipeline
from edge_app.bench import BENCHES, run_bench
from edge_app.bench.figures import Figure, Subject, timed
from edge_app.bench.machine import describe_machine, one_core
from edge_app.bench.peer import egemaps
from edge_app.bench.report import GOALS, as_markdown, shown
from edge_app.bench.speech import endless
from edge_app.bench.startup import unread
from edge_app.bench.update import Updates
from edge_app.commands.bench import bench
from edge_app.core.types import SAMPLE_RATE
from edge_app.demo import CLIP
from edge_app.errors import AudioFormatError, ConfigurationError
from edge_app.settings import PipelineSettings


@pytest.fixture
def subject(tiny_bundle: Path) -> Subject:
    return Subject(str(tiny_bundle), CLIP, updates=20, starts=1, audio=20.0)


def figures(name: str, subject: Subject) -> dict[str, Figure]:
    return {figure.key: figure for figure in run_bench(name, subject)}


def test_an_update_is_timed_for_every_variant(subject: Subject) -> None:
    measured = figures("update", subject)
    assert list(measured) == ["update_fp32"]
    figure = measured["update_fp32"]
    assert figure.count == 20
    assert figure.median is not None
    assert figure.p95 is not None
    assert 0.01 < figure.median <= figure.p95 < 1000


def test_updates_without_speech_do_not_count(tiny_bundle: Path) -> None:
    pipeline = open_pipeline(PipelineSettings(model=str(tiny_bundle), hop=0.25))
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    with pytest.raises(ConfigurationError, match="no speech was found"):
        Updates(pipeline, silence).next()


def test_the_peer_is_timed_in_turns(subject: Subject) -> None:
    if egemaps() is None:
        pytest.skip("needs opensmile")
    measured = figures("peer", subject)
    ratio = measured["peer_ratio"].median
    assert ratio is not None
    assert ratio == pytest.approx(measured["peer_egemaps"].median / measured["peer_update"].median)  # type: ignore[operator]
    assert measured["peer_egemaps"].count == measured["peer_update"].count == 2


def test_egemaps_is_timed_by_windows_and_by_recordings(subject: Subject) -> None:
    if egemaps() is None:
        pytest.skip("needs opensmile")
    measured = figures("egemaps", subject)
    assert list(measured) == [
        "egemaps_window", "egemaps_window_peer", "egemaps_window_ratio",
        "egemaps_rtf", "egemaps_recording_peer", "egemaps_recording_ratio",
    ]  # fmt: skip
    window, peer, ratio = (measured[f"egemaps_window{part}"] for part in ("", "_peer", "_ratio"))
    assert (window.count, peer.count) == (20, 2)
    assert ratio.median == pytest.approx(peer.median / window.median)  # type: ignore[operator]
    factor = measured["egemaps_rtf"].median
    assert factor is not None
    assert 1e-4 < factor < 1


def test_egemaps_is_timed_without_a_peer(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.bench.egemaps.egemaps", lambda: None)
    measured = figures("egemaps", subject)
    assert measured["egemaps_window"].median is not None
    assert measured["egemaps_window_peer"].note == "opensmile is not installed"
    assert "egemaps_window_ratio" not in measured


def test_a_missing_peer_is_said(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.bench.peer.egemaps", lambda: None)
    (figure,) = run_bench("peer", subject)
    assert figure.median is None
    assert figure.note == "opensmile is not installed"


def test_start_up(subject: Subject) -> None:
    measured = figures("startup", subject)
    assert all(figure.median is not None and 10 < figure.median < 60_000 for figure in measured.values())
    assert list(measured) == ["startup_first_block", "startup_help"]


def test_a_pipe_says_how_much_waits_in_it() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"four")
        assert unread(reader) == 4
        os.read(reader, 3)
        assert unread(reader) == 1
    finally:
        os.close(reader)
        os.close(writer)


def test_memory_of_both_interfaces(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.bench.memory.LISTENING", 3.0)
    measured = figures("memory", subject)
    plain, screen = measured["memory_jsonl"].median, measured["memory_tui"].median
    assert plain is not None
    assert screen is not None
    assert 30 < plain < screen < 500


def test_the_size_counts_the_files_of_the_bundle(subject: Subject, tiny_bundle: Path) -> None:
    measured = figures("size", subject)
    assert measured["size_fp32"].median == sum(path.stat().st_size for path in tiny_bundle.iterdir()) / 1000


def test_an_hour_in_short(subject: Subject) -> None:
    measured = figures("hour", subject)
    rtf, growth = measured["hour_rtf"].median, measured["hour_growth"].median
    assert rtf is not None
    assert growth is not None
    assert 0 < rtf < 2
    assert 0 <= growth < 100


def test_speech_goes_on_and_on() -> None:
    speech = np.arange(5, dtype=np.float32)
    blocks = endless(speech, 3)
    first = [next(blocks) for _ in range(4)]
    assert [block.start for block in first] == [0, 3, 6, 9]
    assert np.concatenate([block.samples for block in first]).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]


def test_one_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_percentiles_are_of_all_values() -> None:
    figure = timed("key", "what", [n / 1000 for n in range(101)])
    assert (figure.median, figure.p95, figure.p99) == (pytest.approx(50), pytest.approx(95), pytest.approx(99))
    assert figure.count == 101


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0"), (0.00412, "0.0041"), (0.446, "0.45"), (18.2, "18.20"), (415.3, "415")]
)
def test_values_are_shown_with_what_matters(value: float | None, text: str) -> None:
    assert shown(value) == text


def test_the_page_has_figures_goals_and_methods_but_no_folders(tiny_bundle: Path) -> None:
    table = [Figure("update_int8", "one update, int8", "ms", 0.4, 0.6, 100, p99=0.8)]
    page = as_markdown(describe_machine(), "tiny 1", "demo clip", table, ["update"])
    assert "| one update, int8 | 0.40 | 0.60 | 0.80 | ms | 100 | 1.0, p95 2.0 |" in page
    assert BENCHES["update"].method in page
    assert str(Path.home()) not in page
    assert os.uname().nodename not in page


def test_every_goal_belongs_to_a_figure(subject: Subject) -> None:
    cheap = {figure.key for name in ("update", "egemaps", "size") for figure in run_bench(name, subject)}
    known = {key.replace("fp32", "int8") for key in cheap} | {
        "peer_ratio", "egemaps_window_ratio", "startup_first_block", "startup_help", "memory_jsonl", "memory_tui",
        "hour_rtf", "hour_growth", "clip_end_to_end", "clip_dropped", "clip_changes_ratio", "clip_delay",
    }  # fmt: skip
    assert set(GOALS) <= known


def test_the_command_writes_json_and_a_page(tiny_bundle: Path, tmp_path: Path) -> None:
    json_file, page = tmp_path / "bench.json", tmp_path / "bench.md"
    arguments = ["update", "size", "--model", str(tiny_bundle), "--updates", "5"]
    result = CliRunner().invoke(bench, [*arguments, "--json", str(json_file), "--markdown", str(page)])
    assert result.exit_code == 0, result.output
    assert "one update, fp32" in result.output
    record = json.loads(json_file.read_text(encoding="utf-8"))
    assert record["schema"] == 1
    assert record["model"] == "tiny 1"
    assert [figure["key"] for figure in record["figures"]] == ["update_fp32", "size_fp32"]
    assert "`edge-ser bench update size --markdown FILE`" in page.read_text(encoding="utf-8")


def test_speech_that_is_no_audio(tiny_bundle: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("This is not audio.", encoding="utf-8")
    with pytest.raises(AudioFormatError):
        list(run_bench("update", Subject(str(tiny_bundle), text, updates=1)))


def test_speech_of_another_rate_is_resampled(tiny_bundle: Path, tmp_path: Path) -> None:
    clip, rate = soundfile.read(CLIP, dtype="float32")
    path = tmp_path / "other.wav"
    soundfile.write(path, clip, rate + 6000)
    (figure,) = run_bench("update", Subject(str(tiny_bundle), path, updates=3))
    assert figure.count == 3
