"""The benchmark of a recorded clip: counts worked out by hand, latency against a clock of the test's own."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from fakes import voice

from edge_app.bench import run_bench
from edge_app.bench.clip import WatchedClip
from edge_app.bench.figures import Figure, Subject
from edge_app.bench.timeline import read_timeline
from edge_app.cli import cli
from edge_app.commands.bench import bench
from edge_app.core.types import AudioBlock, Floats
from edge_app.errors import ConfigurationError, EdgeSerError
from edge_app.runtime import Prediction
from edge_app.runtime.onnx import OnnxPredictor

HEADER = "start,end,speaker,emotion,noise,snr\n"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of something like speech."""
    path = tmp_path_factory.mktemp("clip") / "clip.flac"
    soundfile.write(path, voice(np.random.default_rng(1), 6.0), 16_000)
    return path


def figures(subject: Subject) -> dict[str, Figure]:
    return {figure.key: figure for figure in run_bench("clip", subject)}


def test_the_clock_of_a_file_at_full_speed(clip: Path) -> None:
    source = WatchedClip(clip, realtime=False)
    clock: dict[int, float] = {}

    def deliver(block: AudioBlock) -> None:
        clock[block.end] = time.perf_counter()
        time.sleep(0.001)

    source.run(deliver, threading.Event())
    # A window may end in the middle of a block: 5 ms before the end of the one that ends at 1.25 s.
    assert source.arrivals([19_920, 32_000]) == pytest.approx([clock[20_000] - 0.005, clock[32_000]], abs=2e-4)


def test_a_late_block_is_late_in_real_time(clip: Path) -> None:
    source = WatchedClip(clip, realtime=True)
    stop = threading.Event()
    began = time.perf_counter()

    def deliver(block: AudioBlock) -> None:
        if block.end == 3_200:
            time.sleep(0.2)
        if block.end >= 16_000:
            stop.set()

    source.run(deliver, stop)
    first, middle, last = source.arrivals([1_600, 4_800, 16_000])
    assert middle - first == pytest.approx(0.2, abs=1e-6)  # as the clock has it, not as it was handed over
    assert last - first == pytest.approx(0.9, abs=1e-6)
    assert began < first < began + 0.2


def test_a_clip_without_timeline(tiny_bundle: Path, clip: Path) -> None:
    measured = figures(Subject(str(tiny_bundle), clip, clip=clip))
    assert list(measured) == ["clip_update", "clip_end_to_end", "clip_dropped", "clip_changes"]
    update, latency = measured["clip_update"], measured["clip_end_to_end"]
    assert 0.01 < update.median <= update.p95 <= update.p99 < 1000  # type: ignore[operator]
    assert latency.count == 21  # a window every quarter of a second from 1 s on, to 6 s
    assert 0 < latency.median <= latency.p95 < 1000  # type: ignore[operator]
    assert measured["clip_dropped"].median == 0


def test_a_slow_net_is_in_every_latency(tiny_bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = OnnxPredictor.predict
    calls: list[int] = []

    def slow(self: OnnxPredictor, features: Floats) -> Prediction:
        calls.append(len(features))
        time.sleep(0.03)
        return quick(self, features)

    monkeypatch.setattr(OnnxPredictor, "predict", slow)
    measured = figures(Subject(str(tiny_bundle), clip, clip=clip))
    assert len(calls) >= measured["clip_update"].count > 21 / 2
    assert measured["clip_end_to_end"].count == 21
    assert measured["clip_update"].median >= 30  # type: ignore[operator]
    assert measured["clip_end_to_end"].median >= 30  # type: ignore[operator]


def test_a_clip_in_real_time(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, voice(np.random.default_rng(1), 3.0), 16_000)
    began = time.perf_counter()
    measured = figures(Subject(str(tiny_bundle), path, clip=path, realtime=True))
    assert time.perf_counter() - began >= 3.0
    assert measured["clip_end_to_end"].median > 0  # type: ignore[operator]
    assert measured["clip_dropped"].median == 0


def test_a_clip_against_its_timeline(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    timeline = tmp_path / "clip.csv"
    timeline.write_text(
        HEADER + "0,2,a,neutral,,\n2,2.5,,pause,babble,\n2.5,4,b,anger,babble,4.5\n4,6,a,sadness,,\n", encoding="utf-8"
    )
    measured = figures(Subject(str(tiny_bundle), clip, clip=clip, timeline=timeline))
    assert measured["clip_true_changes"].median == pytest.approx(20.0)  # two in a tenth of a minute
    changes = measured["clip_changes"].count
    assert measured["clip_changes"].median == pytest.approx(10 * changes)
    assert measured["clip_changes_ratio"].median == pytest.approx(changes / 2)
    delay = measured["clip_delay"]
    told = measured["clip_missed"].count
    assert told == 2
    assert delay.count + told * (measured["clip_missed"].median + measured["clip_already"].median) == 2  # type: ignore[operator]
    assert measured["clip_wait"].count == 2
    assert 0 <= measured["clip_wait"].median <= (1.5 + 2) / 2 + 1e-9  # type: ignore[operator]
    assert 0 <= measured["clip_agreement"].median <= 1  # type: ignore[operator]


def test_an_emotion_that_never_changes(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    timeline = tmp_path / "clip.csv"
    timeline.write_text(HEADER + "0,6,a,anger,,\n", encoding="utf-8")
    measured = figures(Subject(str(tiny_bundle), clip, clip=clip, timeline=timeline))
    assert measured["clip_changes_ratio"].note == "the emotion never changes"
    assert "clip_delay" not in measured


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'start'"),
        ("start,end,speaker\n", "no column 'emotion'; a timeline has the columns start, end"),
        (HEADER, "no lines below the header"),
        (HEADER + "0,x,a,anger,,\n", "line 2: end is 'x', which is not a number"),
        (HEADER + "0,,a,anger,,\n", "line 2: a stretch needs a start and an end"),
        (HEADER + "0,1,a,,,\n", "line 2: no emotion; write 'pause'"),
        (HEADER + "0,1,a,wibble,,\n", "line 2: emotion is 'wibble'; write pause or one of neutral, "),
        (HEADER + "0,1,a,anger,,\n1.5,2,a,anger,,\n", "line 3: from 1.5 s to 2 s after 1 s; stretches must follow"),
        (HEADER + "0,1,a,anger,,\n1,1,a,anger,,\n", "line 3"),
    ],
)
def test_timelines_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_timeline(path)
    assert "\n" not in str(caught.value)


def test_a_timeline_that_is_not_there_or_of_another_clip(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file or directory; check --timeline"):
        read_timeline(tmp_path / "none.csv")
    with pytest.raises(ConfigurationError, match="not a CSV file in UTF-8"):
        read_timeline(clip)
    timeline = tmp_path / "other.csv"
    timeline.write_text(HEADER + "0,7,a,anger,,\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"ends at 7 s, but clip\.flac at 6 s"):
        figures(Subject(str(tiny_bundle), clip, clip=clip, timeline=timeline))


def test_a_clip_without_speech(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(32_000), 16_000)
    with pytest.raises(ConfigurationError, match="no speech was found in the clip"):
        figures(Subject(str(tiny_bundle), path, clip=path))


def test_the_command_measures_a_clip_alone(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    page, record = tmp_path / "page.md", tmp_path / "clip.json"
    arguments = ["--clip", str(clip), "--model", str(tiny_bundle), "--markdown", str(page), "--json", str(record)]
    result = CliRunner().invoke(bench, arguments)
    assert result.exit_code == 0, result.output
    assert "hearing clip.flac" in result.output
    text = page.read_text(encoding="utf-8")
    assert "`edge-ser bench clip --clip FILE --markdown FILE`" in text
    assert "- **clip**:" in text
    assert str(tmp_path) not in text
    keys = [figure["key"] for figure in json.loads(record.read_text(encoding="utf-8"))["figures"]]
    assert keys == ["clip_update", "clip_end_to_end", "clip_dropped", "clip_changes"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clip"], "the benchmark clip needs a recording; give --clip FILE"),
        (["size", "--clip", "x.wav"], "--clip is for the benchmark clip"),
        (["--timeline", "x.csv"], "--timeline is for the benchmark clip"),
        (["size", "--realtime"], "--realtime is for the benchmark clip"),
        (["--clip", "none.wav"], "none.wav: no such file"),
    ],
)
def test_options_that_do_not_fit(tiny_bundle: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["bench", "--model", str(tiny_bundle), *arguments])
    assert isinstance(result.exception, EdgeSerError)
    assert message in str(result.exception)
