from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest
from fakes import FakePredictor, make_pipeline, timeless, voice

from edge_app.core.records import Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Estimate, Floats
from edge_app.worker import LiveWorker

BLOCK = 1600


class Listener:
    """Keeps what a worker says."""

    def __init__(self) -> None:
        self.estimates: list[Estimate] = []
        self.notices: list[Notice] = []

    def worker(self, predictor: FakePredictor, capacity: float = 2.0) -> LiveWorker:
        return LiveWorker(make_pipeline(predictor), self.estimates.extend, self.notices.append, capacity)


def submit_all(worker: LiveWorker, samples: Floats) -> None:
    for start in range(0, len(samples), BLOCK):
        worker.submit(AudioBlock(samples[start : start + BLOCK], start))


def test_a_worker_that_keeps_up_estimates_what_the_pipeline_does(rng: np.random.Generator) -> None:
    samples = voice(rng, 4.1)
    pipeline = make_pipeline()
    expected = pipeline.feed(AudioBlock(samples, 0)) + pipeline.flush()
    listener = Listener()
    worker = listener.worker(FakePredictor(), capacity=10.0)
    submit_all(worker, samples)
    worker.close()
    assert timeless(listener.estimates) == timeless(expected)
    assert (worker.dropped, worker.lag, worker.waiting) == (0, 0.0, 0.0)


def test_a_worker_that_is_stuck_drops_the_oldest_and_never_grows(rng: np.random.Generator) -> None:
    listener = Listener()
    entered, release = threading.Event(), threading.Event()

    def wait_for_release() -> None:
        entered.set()
        release.wait(30)

    worker = listener.worker(FakePredictor(before=wait_for_release), capacity=2.0)
    samples = voice(rng, 10.0)
    first = 2 * SAMPLE_RATE
    submit_all(worker, samples[:first])
    assert entered.wait(30)
    for start in range(first, len(samples), BLOCK):
        worker.submit(AudioBlock(samples[start : start + BLOCK], start))
        assert worker.waiting <= 2.0
    assert worker.lag == pytest.approx(9.0, abs=1.1)
    dropped = worker.dropped
    assert dropped >= 60
    release.set()
    worker.close()
    assert worker.dropped == dropped
    assert listener.estimates[-1].end == len(samples)
    kept_from = len(samples) - 2 * SAMPLE_RATE
    late = [estimate for estimate in listener.estimates if estimate.end > first]
    assert late
    assert all(estimate.start >= kept_from for estimate in late)


def test_a_worker_says_with_figures_that_it_falls_behind_and_not_too_often(rng: np.random.Generator) -> None:
    listener = Listener()
    worker = listener.worker(FakePredictor(seconds=0.02), capacity=0.5)
    submit_all(worker, voice(rng, 8.0))
    worker.close()
    (notice,) = listener.notices
    assert notice.kind == "warning"
    assert " s behind real time, " in notice.text
    assert re.search(r", \d+ blocks? dropped: ", notice.text)
    assert int(notice.text.split(", ")[1].split()[0]) > 0


def test_submitting_does_no_work(rng: np.random.Generator) -> None:
    listener = Listener()
    release = threading.Event()
    worker = listener.worker(FakePredictor(before=lambda: release.wait(30)))
    samples = voice(rng, 5.0)
    began = time.perf_counter()
    submit_all(worker, samples)
    assert time.perf_counter() - began < 1.0
    assert listener.estimates == []
    release.set()
    worker.close()


@pytest.mark.parametrize("where", ["model", "sink"])
def test_an_error_in_the_thread_reaches_who_closes(rng: np.random.Generator, where: str) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(where)

    predictor = FakePredictor(before=fail if where == "model" else None)
    worker = LiveWorker(make_pipeline(predictor), fail if where == "sink" else lambda _: None, lambda _: None)
    submit_all(worker, voice(rng, 1.5))
    with pytest.raises(ZeroDivisionError, match=where):
        worker.close()
    assert worker.failed


def test_after_an_error_blocks_are_still_taken_and_still_bounded(rng: np.random.Generator) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    worker = Listener().worker(FakePredictor(before=fail), capacity=0.5)
    submit_all(worker, voice(rng, 20.0))
    assert worker.waiting <= 0.5
    with pytest.raises(ZeroDivisionError):
        worker.close()


def test_a_block_longer_than_the_capacity_is_estimated(rng: np.random.Generator) -> None:
    listener = Listener()
    worker = listener.worker(FakePredictor(), capacity=0.5)
    worker.submit(AudioBlock(voice(rng, 3.0), 0))
    worker.close()
    assert [estimate.end for estimate in listener.estimates] == list(range(16_000, 48_001, 4000))
