from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from fakes import INFO, FakePredictor, FakeSource, RecordingSink, make_pipeline, timeless, voice

from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.core.wearer import Shrinkage
from edge_app.errors import AudioFormatError, OutputError
from edge_app.latency import LatencyHistogram
from edge_app.session import QUIETEST, Session, level_dbfs


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(source: FakeSource, *sinks: RecordingSink, stop: threading.Event | None = None) -> Session:
    session = Session(make_pipeline(), source, INFO, sinks)
    session.run(stop or threading.Event())
    return session


@pytest.mark.parametrize("realtime", [False, True])
def test_every_sink_gets_everything_once(rng: np.random.Generator, realtime: bool) -> None:
    samples = voice(rng, 1.9)
    pipeline = make_pipeline()
    expected = pipeline.feed(AudioBlock(samples, 0)) + pipeline.flush()
    sinks = RecordingSink(), RecordingSink()
    run(FakeSource(samples, realtime=realtime), *sinks)
    for sink in sinks:
        assert sink.info == INFO
        assert timeless(sink.estimates) == timeless(expected)
        assert sink.end.reason == "eof"
        assert sink.end.estimates == len(expected)
        assert sink.end.duration == len(samples) / SAMPLE_RATE
        assert sink.end.dropped_blocks == 0


def test_a_live_source_hears_the_wearer_as_a_file_does(rng: np.random.Generator) -> None:
    samples = voice(rng, 4.0)
    heard = []
    for realtime in (False, True):
        sink = RecordingSink()
        source = FakeSource(samples, realtime=realtime, block=480, pace=0.005 if realtime else 0.0)
        Session(make_pipeline(adaptive=Shrinkage(prior=5.0)), source, INFO, [sink]).run(threading.Event())
        if sink.end.dropped_blocks:
            pytest.skip("this machine was too busy to keep up")
        heard.append(timeless(sink.estimates))
    assert heard[0] == heard[1]
    assert heard[0][-1].wearer > 0


def test_a_live_source_at_the_pace_of_the_clock(rng: np.random.Generator) -> None:
    sink = RecordingSink()
    run(FakeSource(voice(rng, 1.5), realtime=True, pace=0.02), sink)
    assert [estimate.end for estimate in sink.estimates] == [16_000, 20_000, 24_000]


def test_the_end_says_how_long_updates_took() -> None:
    sink = RecordingSink()
    samples = np.full(3 * SAMPLE_RATE, 0.1, np.float32)
    Session(make_pipeline(FakePredictor(seconds=0.005)), FakeSource(samples), INFO, [sink]).run(threading.Event())
    end = sink.end
    assert end.compute_ms_p50 is not None
    assert end.compute_ms_p95 is not None
    assert end.rtf is not None
    times = [1000 * estimate.compute_seconds for estimate in sink.estimates]
    assert end.compute_ms_p50 == pytest.approx(float(np.percentile(times, 50, method="inverted_cdf")), rel=0.02)
    assert 5 <= end.compute_ms_p50 <= end.compute_ms_p95
    assert end.rtf == pytest.approx(sum(times) / 3000, rel=1e-6)


def test_a_session_without_audio_ends_with_nulls() -> None:
    sink = RecordingSink()
    run(FakeSource(np.zeros(0, np.float32)), sink)
    end = sink.end
    assert (end.duration, end.estimates, end.compute_ms_p50, end.compute_ms_p95, end.rtf) == (0.0, 0, None, None, None)


@pytest.mark.parametrize("realtime", [False, True])
def test_bad_audio_ends_the_session_but_nothing_before_it_is_lost(rng: np.random.Generator, realtime: bool) -> None:
    samples = voice(rng, 1.4)
    sink = RecordingSink()
    source = FakeSource(samples, realtime=realtime, error=AudioFormatError("truncated"))
    with pytest.raises(AudioFormatError, match="truncated"):
        run(source, sink)
    assert sink.end.reason == "error"
    assert sink.estimates[-1].end == len(samples)


@pytest.mark.parametrize("realtime", [False, True])
def test_all_sinks_are_closed_when_one_of_them_fails(rng: np.random.Generator, realtime: bool) -> None:
    before, after = RecordingSink(), RecordingSink()
    failing = RecordingSink(fail_on_write=OutputError("disk full"))
    with pytest.raises(OutputError, match="disk full"):
        run(FakeSource(voice(rng, 3.0), realtime=realtime), before, failing, after)
    assert [sink.end.reason for sink in (before, failing, after)] == ["error"] * 3


def test_a_failing_sink_stops_a_live_source(rng: np.random.Generator) -> None:
    sink = RecordingSink(fail_on_write=OutputError("disk full"))
    began = time.monotonic()
    with pytest.raises(OutputError):
        run(FakeSource(voice(rng, 60.0), realtime=True, pace=0.02, block=3200), sink)
    assert time.monotonic() - began < 10


def test_a_sink_that_cannot_be_opened_ends_the_session_before_any_audio(rng: np.random.Generator) -> None:
    class Unopenable(RecordingSink):
        def open(self, info: object) -> None:
            raise OutputError("no permission")

    first, unopenable = RecordingSink(), Unopenable()
    with pytest.raises(OutputError, match="no permission"):
        run(FakeSource(voice(rng, 2.0)), first, unopenable)
    assert first.end.duration == 0
    assert first.estimates == []
    assert unopenable.ends == []


def test_a_reader_that_goes_away_interrupts(rng: np.random.Generator) -> None:
    gone, file = RecordingSink(fail_on_write=BrokenPipeError()), RecordingSink()
    with pytest.raises(BrokenPipeError):
        run(FakeSource(voice(rng, 2.0)), file, gone)
    assert file.end.reason == "interrupted"


@pytest.mark.parametrize("realtime", [False, True])
def test_stop_interrupts_and_flushes(rng: np.random.Generator, realtime: bool) -> None:
    stop = threading.Event()

    class Stopping(FakeSource):
        def run(self, deliver, stop, notify=None):  # type: ignore[no-untyped-def]
            def deliver_and_stop(block: AudioBlock) -> None:
                deliver(block)
                if block.end >= 20_800:
                    stop.set()

            return super().run(deliver_and_stop, stop)

    sink = RecordingSink()
    run(Stopping(voice(rng, 60.0), realtime=realtime), sink, stop=stop)
    assert sink.end.reason == "interrupted"
    assert sink.estimates[-1].end == 20_800


def test_overflows_of_the_device_count_as_dropped(rng: np.random.Generator) -> None:
    class Overflowing(FakeSource):
        def run(self, deliver, stop, notify=None):  # type: ignore[no-untyped-def]
            return super().run(lambda block: deliver(AudioBlock(block.samples, block.start, block.start == 3200)), stop)

    sink = RecordingSink()
    run(Overflowing(voice(rng, 1.0)), sink)
    assert sink.end.dropped_blocks == 1


def test_clipping_is_told_once(rng: np.random.Generator) -> None:
    sink = RecordingSink()
    run(FakeSource((5 * voice(rng, 6.0)).clip(-1, 1)), sink)
    (notice,) = sink.notices
    assert notice.kind == "warning"
    assert "clipped" in notice.text
    assert "lower the input gain" in notice.text


def test_a_few_full_scale_samples_are_no_clipping(rng: np.random.Generator) -> None:
    samples = 0.3 * voice(rng, 4.0)
    samples[::200] = 1.0
    sink = RecordingSink()
    run(FakeSource(samples), sink)
    assert sink.notices == []


def test_a_paused_file_waits_and_loses_nothing(rng: np.random.Generator) -> None:
    samples = voice(rng, 2.0)
    sink = RecordingSink()
    session = Session(make_pipeline(), FakeSource(samples), INFO, [sink])
    session.pause()
    thread = threading.Thread(target=session.run, args=(threading.Event(),))
    thread.start()
    time.sleep(0.1)
    assert session.snapshot().paused
    assert sink.estimates == []
    session.resume()
    thread.join(30)
    assert [estimate.end for estimate in sink.estimates] == list(range(16_000, 32_001, 4000))


def test_a_paused_file_can_be_stopped(rng: np.random.Generator) -> None:
    stop = threading.Event()
    session = Session(make_pipeline(), FakeSource(voice(rng, 60.0)), INFO, [RecordingSink()])
    session.pause()
    thread = threading.Thread(target=session.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_paused_live_source_goes_by(rng: np.random.Generator) -> None:
    sink = RecordingSink()
    stop = threading.Event()
    session = Session(make_pipeline(), FakeSource(voice(rng, 60.0), realtime=True, pace=0.01), INFO, [sink])
    thread = threading.Thread(target=session.run, args=(stop,))
    thread.start()
    wait_until(lambda: len(sink.estimates) >= 2)
    session.pause()
    wait_until(lambda: session.snapshot().lag_seconds == 0.0 or session.snapshot().position > 2.0)
    paused_at = session.snapshot().position
    wait_until(lambda: session.snapshot().position > paused_at + 0.5)
    session.resume()
    wait_until(lambda: sink.estimates[-1].start / SAMPLE_RATE >= paused_at)
    stop.set()
    thread.join(30)
    heard = [(estimate.start / SAMPLE_RATE, estimate.end / SAMPLE_RATE) for estimate in sink.estimates]
    assert not any(start < paused_at + 0.3 < end for start, end in heard)


def test_snapshot_follows_the_session(rng: np.random.Generator) -> None:
    samples = voice(rng, 2.0)
    session = Session(make_pipeline(), FakeSource(samples), INFO)
    before = session.snapshot()
    assert (before.position, before.estimates, before.rtf, before.level_dbfs) == (0.0, 0, None, QUIETEST)
    session.run(threading.Event())
    after = session.snapshot()
    assert (after.position, after.estimates, after.dropped_blocks, after.paused) == (2.0, 5, 0, False)
    assert after.compute_ms_p50 is not None
    assert after.level_dbfs > QUIETEST


@pytest.mark.parametrize(("amplitude", "expected"), [(1.0, -3.01), (0.1, -23.01), (0.0, QUIETEST)])
def test_level_of_a_sine(amplitude: float, expected: float) -> None:
    wave: Floats = (amplitude * np.sin(2 * np.pi * np.arange(1600) / 16)).astype(np.float32)
    assert level_dbfs(AudioBlock(wave, 0)) == pytest.approx(expected, abs=0.01)


def test_percentiles_are_within_one_percent_and_in_constant_memory(rng: np.random.Generator) -> None:
    times = rng.lognormal(np.log(2e-3), 0.5, 5000)
    histogram = LatencyHistogram()
    for value in times:
        histogram.add(value)
    for percent in (50, 95, 99):
        exact = np.percentile(times, percent, method="inverted_cdf")
        assert histogram.percentile(percent) == pytest.approx(exact, rel=0.0101)
    assert histogram.total == pytest.approx(times.sum())
    assert histogram.count == 5000


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e6])
def test_times_beyond_the_bins_fall_into_the_outermost(value: float) -> None:
    histogram = LatencyHistogram()
    histogram.add(value)
    assert histogram.percentile(50) is not None
