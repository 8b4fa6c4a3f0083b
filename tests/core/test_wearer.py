from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import voice

from edge_app.core.baseline import Baseline
from edge_app.core.features import LogMel
from edge_app.core.types import SAMPLE_RATE, Window
from edge_app.core.wearer import (
    FARTHEST,
    LEAST_SPEECH,
    AdaptiveBaseline,
    HeardSpeech,
    Shrinkage,
    WearerSettings,
    WearerStatistics,
    enrolled_baseline,
)
from edge_app.core.windows import WindowSpec
from edge_app.errors import ConfigurationError
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector


def wide(size: int) -> Baseline:
    """Statistics from which nothing lies far."""
    return Baseline("digest", 9, np.zeros(size, np.float32), np.full(size, 1e6, np.float32))


BUNDLE = Baseline("digest", 9, np.array([10.0, -20.0], np.float32), np.array([2.0, 4.0], np.float32))


def window(start: float, end: float, *rows: tuple[float, float], speech: float = 1.0) -> Window:
    """A window from a second to another, of functionals (one row) or of frames (several)."""
    features = np.array(rows, np.float32)
    return Window(features[0] if len(rows) == 1 else features, round(start * 16000), round(end * 16000), speech)


def test_every_second_counts_once_although_windows_overlap() -> None:
    heard = HeardSpeech(wide(2))
    for number in range(9):
        assert heard.hear(window(number / 4, number / 4 + 1, (1.0, 2.0)))
    assert heard.seconds == pytest.approx(3.0)
    assert heard.count == 9


def test_windows_without_speech_change_nothing_and_pauses_do_not_count() -> None:
    heard = HeardSpeech(wide(2))
    heard.hear(window(0, 1, (1.0, 2.0)))
    assert not heard.hear(window(0.25, 1.25, (500.0, 500.0), speech=LEAST_SPEECH - 0.01))
    assert (heard.seconds, heard.mean.tolist()) == (1.0, [1.0, 2.0])
    heard.hear(window(7, 8, (3.0, 4.0), speech=0.5))
    assert heard.seconds == pytest.approx(1.5)
    np.testing.assert_allclose(heard.mean, [(1.0 + 0.5 * 3.0) / 1.5, (2.0 + 0.5 * 4.0) / 1.5])


def test_mean_and_variance_are_those_of_all_rows_weighted_by_what_they_add(rng: np.random.Generator) -> None:
    heard = HeardSpeech(wide(3))
    windows = rng.normal([100, 0, -3], 5, (20, 61, 3))
    weights = rng.uniform(LEAST_SPEECH, 1, 20)
    for number, (features, speech) in enumerate(zip(windows, weights, strict=True)):
        heard.hear(Window(features.astype(np.float32), number * 16000, (number + 1) * 16000, float(speech)))
    rows = windows.reshape(-1, 3).astype(np.float32).astype(np.float64)
    each = np.repeat(weights, 61)
    mean = np.average(rows, axis=0, weights=each)
    np.testing.assert_allclose(heard.mean, mean, rtol=1e-10)
    np.testing.assert_allclose(heard.variance, np.average((rows - mean) ** 2, axis=0, weights=each), rtol=1e-9)
    assert heard.seconds == pytest.approx(weights.sum())


def test_a_wild_outlier_counts_as_five_deviations() -> None:
    heard = HeardSpeech(BUNDLE)
    heard.hear(window(0, 1, (1e9, -1e9)))
    assert heard.mean.tolist() == [10.0 + FARTHEST * 2.0, -20.0 - FARTHEST * 4.0]
    enrolled = replace(BUNDLE, mean=np.array([100.0, 100.0], np.float32), weight=0.5)
    stage = AdaptiveBaseline(enrolled, Shrinkage(prior=1.0), BUNDLE)
    stage.hear(window(0, 1, (1e9, -1e9)))
    np.testing.assert_allclose(stage.standardise(np.array([60.0, 30.0], np.float32)), [0, 0], atol=1e-5)


def test_the_variance_of_functionals_is_that_between_windows() -> None:
    heard = HeardSpeech(wide(2))
    for number, value in enumerate((1.0, 3.0)):
        heard.hear(window(number, number + 1, (value, 5.0)))
    assert heard.variance.tolist() == [1.0, 0.0]
    assert HeardSpeech(wide(2)).variance.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("hop", [1600, 4000, 8000, 16000])
def test_the_hop_hardly_matters(rng: np.random.Generator, hop: int) -> None:
    samples = voice(rng, 30.0)
    stream = WindowStream(LogMel(), make_detector("none"), WindowSpec(hop=hop))
    heard = HeardSpeech(wide(128))
    for each in stream.feed(samples):
        heard.hear(each)
    assert heard.seconds == pytest.approx(30.0)
    frames = LogMel().feed(samples)
    assert np.abs(heard.mean - frames.mean(axis=0)).max() < 0.05 * frames.std()


@pytest.mark.parametrize(("heard", "weight"), [(0.0, 0.0), (30.0, 1 / 3), (60.0, 0.5), (180.0, 0.6), (1e6, 0.6)])
def test_the_weight_grows_with_what_was_heard(heard: float, weight: float) -> None:
    assert Shrinkage(prior=60.0, limit=0.6).weight(heard) == pytest.approx(weight)


def test_an_adaptive_baseline_standardises_by_what_came_before() -> None:
    stage = AdaptiveBaseline(BUNDLE, Shrinkage(prior=3.0))
    features = np.array([14.0, -10.0], np.float32)
    assert stage.standardise(features).tolist() == [2.0, 2.5]
    assert stage.weight == 0
    stage.hear(window(0, 1, (14.0, -10.0)))
    assert stage.weight == pytest.approx(0.25)
    np.testing.assert_allclose(stage.standardise(features), [(14 - 11) / 2, (-10 + 17.5) / 4], rtol=1e-6)
    assert stage.standardise(features).dtype == np.float32
    for second in range(1, 3000):
        stage.hear(window(second, second + 1, (14.0, -10.0)))
    np.testing.assert_allclose(stage.standardise(features), [0, 0], atol=1e-2)


def test_an_adaptive_baseline_forgets_when_it_is_reset() -> None:
    stage = AdaptiveBaseline(BUNDLE, Shrinkage(prior=3.0))
    stage.hear(window(0, 1, (14.0, -10.0)))
    stage.reset()
    assert stage.weight == 0
    assert stage.standardise(BUNDLE.mean).tolist() == [0.0, 0.0]
    stage.hear(window(0, 1, (14.0, -10.0)))
    assert stage.weight == pytest.approx(0.25)


def test_silence_teaches_an_adaptive_baseline_nothing() -> None:
    stage = AdaptiveBaseline(BUNDLE, Shrinkage(prior=3.0))
    stage.hear(window(0, 1, (-100.0, -100.0), speech=0.0))
    assert stage.weight == 0
    assert stage.standardise(BUNDLE.mean).tolist() == [0.0, 0.0]


def statistics(seconds: float) -> WearerStatistics:
    mean, variance = np.array([16.0, -16.0], np.float32), np.ones(2, np.float32)
    return WearerStatistics("digest", 16000, seconds, 40, mean, variance)


def test_an_enrolled_mean_is_shrunk_by_the_seconds_enrolled() -> None:
    settings = WearerSettings(enrolled=Shrinkage(prior=10.0))
    found = enrolled_baseline(BUNDLE, statistics(30.0), settings)
    assert found.weight == pytest.approx(0.75)
    np.testing.assert_allclose(found.mean, [0.25 * 10 + 0.75 * 16, -0.25 * 20 - 0.75 * 16])
    assert found.deviation is BUNDLE.deviation
    assert found.digest == "digest"


def test_ordinary_speech_is_set_off_against_all_speech() -> None:
    ordinary = np.array([1.0, -2.0], np.float32)
    settings = WearerSettings(enrolled=Shrinkage(prior=10.0), ordinary=ordinary)
    found = enrolled_baseline(BUNDLE, statistics(30.0), settings)
    np.testing.assert_allclose(found.mean, [0.25 * 10 + 0.75 * 15, -0.25 * 20 - 0.75 * 14])


def test_what_is_learnt_over_an_enrolled_baseline_adds_to_its_weight() -> None:
    enrolled = enrolled_baseline(BUNDLE, statistics(10.0), WearerSettings(enrolled=Shrinkage(prior=10.0)))
    stage = AdaptiveBaseline(enrolled, Shrinkage(prior=1.0))
    stage.hear(window(0, 1, (14.0, -10.0)))
    assert stage.weight == pytest.approx(0.75)
    assert stage.standardise(np.array([13.5, -14.0], np.float32)).tolist() == pytest.approx([0.0, 0.0])


def test_memory_does_not_grow_with_what_is_heard() -> None:
    heard = HeardSpeech(wide(2))
    before = set(vars(heard))
    for second in range(100):
        heard.hear(window(second, second + 1, (1.0, 2.0)))
    assert set(vars(heard)) == before
    assert all(np.size(value) <= 2 for value in vars(heard).values())


def test_what_was_heard_can_be_kept() -> None:
    heard = HeardSpeech(wide(2))
    heard.hear(window(0, 1, (1.0, 2.0), (3.0, 2.0)))
    kept = heard.statistics("digest", 16000)
    assert (kept.digest, kept.window, kept.seconds, kept.count) == ("digest", 16000, 1.0, 1)
    assert (kept.mean.tolist(), kept.variance.tolist()) == ([2.0, 2.0], [1.0, 0.0])
    assert kept.mean.dtype == kept.variance.dtype == np.float32


@pytest.mark.parametrize("prior", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_priors_are_refused(prior: float) -> None:
    with pytest.raises(ConfigurationError, match="prior"):
        Shrinkage(prior=prior)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        Shrinkage(prior=1.0, limit=1.1)
    with pytest.raises(ConfigurationError, match="default baseline 'me'"):
        WearerSettings(default="me")


def test_an_hour_equals_its_parts() -> None:
    """Deterministic: the same windows give the same bits, and a long stream keeps its precision."""
    rng = np.random.default_rng(1)
    rows = (1e4 + rng.normal(0, 1, (3600, 2))).astype(np.float32)
    means = []
    for _ in range(2):
        heard = HeardSpeech(wide(2))
        for second, row in enumerate(rows):
            heard.hear(Window(row, second * SAMPLE_RATE, (second + 1) * SAMPLE_RATE, 1.0))
        means.append(heard.mean)
    assert np.array_equal(*means)
    np.testing.assert_allclose(means[0], rows.astype(np.float64).mean(axis=0), rtol=1e-12)
