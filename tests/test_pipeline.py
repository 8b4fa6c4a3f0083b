from __future__ import annotations

import numpy as np
import pytest
from fakes import FakePredictor, make_pipeline, timeless, voice

import edge_app
from edge_app.core.features import EXTRACTORS
from edge_app.core.smoothing import SMOOTHING_OFF
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Estimate, Floats
from edge_app.core.wearer import Shrinkage
from edge_app.core.windows import WindowSpec
from edge_app.pipeline import Pipeline, WindowStream
from edge_app.vad import make_detector

ADAPTIVE = Shrinkage(prior=5.0)


def estimate_in_blocks(pipeline: Pipeline, samples: Floats, sizes: list[int] | None = None) -> list[Estimate]:
    """Estimates of audio cut into blocks of these sizes, again and again; None feeds it whole."""
    estimates, start, turn = [], 0, 0
    while start < len(samples):
        size = sizes[turn % len(sizes)] if sizes else len(samples)
        estimates += pipeline.feed(AudioBlock(samples[start : start + size], start))
        start, turn = start + size, turn + 1
    return estimates + pipeline.flush()


@pytest.mark.parametrize("vad", ["webrtc", "none"])
@pytest.mark.parametrize("hop", [1600, 4000, 5333, 16000])
def test_estimates_do_not_depend_on_how_audio_is_cut(rng: np.random.Generator, vad: str, hop: int) -> None:
    samples = voice(rng, 6.37)
    whole = timeless(estimate_in_blocks(make_pipeline(vad=vad, hop=hop), samples))
    assert any(estimate.state == "speech" for estimate in whole)
    for sizes in ([320], [1], [160, 481], list(rng.integers(1, 9000, 40))):
        if sizes == [1] and hop != 4000:
            continue
        assert timeless(estimate_in_blocks(make_pipeline(vad=vad, hop=hop), samples, sizes)) == whole


@pytest.mark.parametrize("hop", [1600, 4000, 16000])
def test_an_adaptive_baseline_does_not_depend_on_how_audio_is_cut(rng: np.random.Generator, hop: int) -> None:
    samples = voice(rng, 6.37)

    def said(sizes: list[int] | None) -> list[Estimate]:
        return timeless(estimate_in_blocks(make_pipeline(vad="webrtc", hop=hop, adaptive=ADAPTIVE), samples, sizes))

    whole = said(None)
    for sizes in ([320], [160, 481], list(rng.integers(1, 9000, 40))):
        assert said(sizes) == whole
    weights = [estimate.wearer for estimate in whole]
    assert weights == sorted(weights)
    assert weights[0] == 0 < weights[-1] < 1
    alone = timeless(estimate_in_blocks(make_pipeline(vad="webrtc", hop=hop), samples))
    assert alone[0] == whole[0]
    assert alone[-1].scores != whole[-1].scores


def test_an_adaptive_baseline_outlives_a_gap_but_not_a_reset(rng: np.random.Generator) -> None:
    pipeline = make_pipeline(adaptive=ADAPTIVE)
    before = pipeline.feed(AudioBlock(voice(rng, 3.0), 0))[-1]
    after = pipeline.feed(AudioBlock(voice(rng, 3.0), 20 * SAMPLE_RATE))
    assert after[0].wearer > before.wearer > 0
    assert after[-1].wearer == pytest.approx(ADAPTIVE.weight(5.75))
    pipeline.reset()
    assert pipeline.feed(AudioBlock(voice(rng, 3.0), 0))[0].wearer == 0


@pytest.mark.parametrize("kind", ["logmel", "egemaps"])
@pytest.mark.parametrize("hop", [1600, 4000, 16000])
def test_every_frame_is_fresh_in_one_window_and_no_other(rng: np.random.Generator, kind: str, hop: int) -> None:
    samples = voice(rng, 4.37)
    stream = WindowStream(EXTRACTORS[kind](), make_detector("none"), WindowSpec(hop=hop))
    for start in (0, 123, 5 * SAMPLE_RATE + 7):  # a stream, and two gaps
        windows = [*stream.feed(samples, start), *stream.flush()]
        extractor = EXTRACTORS[kind]()
        expected = np.concatenate((extractor.feed(samples), extractor.finish()))
        np.testing.assert_array_equal(np.concatenate([window.fresh for window in windows]), expected)
        assert [window.begins for window in windows] == [True] + [False] * (len(windows) - 1)
        stream.reset()


def test_a_window_ends_every_hop_and_the_last_one_with_the_audio(rng: np.random.Generator) -> None:
    samples = voice(rng, 2.6)
    estimates = estimate_in_blocks(make_pipeline(), samples, [320])
    ends = [estimate.end for estimate in estimates]
    assert ends == [*range(SAMPLE_RATE, len(samples), SAMPLE_RATE // 4), len(samples)]
    assert all(estimate.end - estimate.start == SAMPLE_RATE for estimate in estimates)


@pytest.mark.parametrize("count", [512, 4000, 15999])
def test_audio_shorter_than_a_window_gives_one_estimate(rng: np.random.Generator, count: int) -> None:
    (estimate,) = estimate_in_blocks(make_pipeline(), voice(rng, 1.0)[:count])
    assert (estimate.start, estimate.end) == (0, count)


@pytest.mark.parametrize("count", [0, 1, 511])
def test_audio_shorter_than_a_frame_gives_none(rng: np.random.Generator, count: int) -> None:
    assert estimate_in_blocks(make_pipeline(), voice(rng, 1.0)[:count]) == []


def test_flush_adds_nothing_where_audio_ends_with_a_window(rng: np.random.Generator) -> None:
    pipeline = make_pipeline()
    fed = pipeline.feed(AudioBlock(voice(rng, 2.0), 0))
    assert fed[-1].end == 2 * SAMPLE_RATE
    assert pipeline.flush() == []


@pytest.mark.parametrize("kind", sorted(EXTRACTORS))
def test_no_window_comes_twice_though_features_look_ahead(rng: np.random.Generator, kind: str) -> None:
    stream = WindowStream(EXTRACTORS[kind](), make_detector("none"), WindowSpec())
    for length, ends in ((32_000, [16_000, 20_000, 24_000, 28_000, 32_000]), (17_000, [16_000, 17_000])):
        stream.reset()
        windows = [*stream.feed(voice(rng, length / SAMPLE_RATE)), *stream.flush()]
        assert [window.end for window in windows] == ends


def test_reset_starts_afresh(rng: np.random.Generator) -> None:
    samples = voice(rng, 3.3)
    pipeline = make_pipeline(vad="webrtc")
    first = timeless(estimate_in_blocks(pipeline, samples, [777]))
    pipeline.reset()
    assert timeless(estimate_in_blocks(pipeline, samples, [777])) == first


def test_no_window_spans_a_gap_and_positions_stay_true(rng: np.random.Generator) -> None:
    samples = voice(rng, 8.0)
    lost_from, lost_to = 35_000, 61_111
    pipeline = make_pipeline()
    estimates = pipeline.feed(AudioBlock(samples[:lost_from], 0))
    estimates += pipeline.feed(AudioBlock(samples[lost_to:], lost_to))
    assert all(estimate.end <= lost_from or estimate.start >= lost_to for estimate in estimates)
    assert all(estimate.end % 4000 == 0 for estimate in estimates)
    after = [estimate for estimate in estimates if estimate.start >= lost_to]
    assert after[0].end <= lost_to + SAMPLE_RATE + 4000


def test_after_a_gap_a_window_is_that_of_the_same_audio_alone(rng: np.random.Generator) -> None:
    samples = voice(rng, 4.0)
    start = 10 * SAMPLE_RATE
    with_gap, alone = (make_pipeline(smoothing=SMOOTHING_OFF) for _ in range(2))
    with_gap.feed(AudioBlock(voice(rng, 3.0), 0))
    late = with_gap.feed(AudioBlock(samples, start))
    early = alone.feed(AudioBlock(samples, 0))
    assert [(e.end - start, e.scores) for e in late] == [(e.end, e.scores) for e in early]


def test_the_model_is_not_asked_while_nobody_speaks() -> None:
    predictor = FakePredictor()
    pipeline = make_pipeline(predictor, vad="webrtc")
    estimates = pipeline.feed(AudioBlock(np.zeros(5 * SAMPLE_RATE, np.float32), 0))
    assert len(estimates) == 17
    assert predictor.windows == 0
    for estimate in estimates:
        assert (estimate.state, estimate.label, estimate.confidence) == ("no-speech", None, None)
        assert (estimate.scores, estimate.arousal, estimate.speech) == ({}, None, 0.0)
        assert (estimate.snr, estimate.reason) == (None, None)


def test_below_the_stated_confidence_there_are_scores_but_no_label(rng: np.random.Generator) -> None:
    estimates = make_pipeline(smoothing=SMOOTHING_OFF, min_confidence=0.999).feed(AudioBlock(voice(rng, 2.0), 0))
    assert estimates
    for estimate in estimates:
        assert (estimate.state, estimate.label, estimate.reason) == ("uncertain", None, "confidence")
        assert estimate.confidence == max(estimate.scores.values())


def test_below_the_models_ratio_noise_is_the_reason_for_no_label(rng: np.random.Generator) -> None:
    quiet = voice(rng, 6.0)
    loud = quiet + rng.normal(0, 0.1, len(quiet)).astype(np.float32)
    for samples, state, reason in ((quiet, "speech", None), (loud, "uncertain", "noise")):
        estimates = make_pipeline(min_snr=10.0, min_confidence=0.0).feed(AudioBlock(samples, 0))
        assert {(each.state, each.reason) for each in estimates} == {(state, reason)}
        assert all((each.snr < 10) is (reason == "noise") for each in estimates)
        assert all((each.label is None) is (reason == "noise") for each in estimates)
        assert all(each.scores for each in estimates)
    both = make_pipeline(min_snr=10.0, min_confidence=0.999).feed(AudioBlock(loud, 0))
    assert {each.reason for each in both} == {"noise"}
    assert {each.reason for each in make_pipeline().feed(AudioBlock(loud, 0))} == {None}


def test_memory_does_not_grow_with_the_audio(rng: np.random.Generator) -> None:
    """After any amount of audio the pipeline holds as many numbers as after a little."""
    pipeline = make_pipeline(adaptive=ADAPTIVE)
    held = []
    samples = voice(rng, 1.0)
    for second in range(60):
        pipeline.feed(AudioBlock(samples, second * SAMPLE_RATE))
        held.append(_numbers_in(pipeline, set()))
    assert max(held[15:]) <= max(held[5:15])


def _numbers_in(value: object, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, list | tuple | set):
        return len(value) + sum(_numbers_in(entry, seen) for entry in value)
    inside = getattr(value, "__dict__", {})
    return sum(_numbers_in(entry, seen) for entry in inside.values()) if "edge_app" in type(value).__module__ else 0


def test_the_public_way_from_a_bundle_to_estimates(tiny_bundle: object, rng: np.random.Generator) -> None:
    bundle = edge_app.load_bundle(str(tiny_bundle))
    pipeline = edge_app.open_pipeline(edge_app.PipelineSettings(vad="none"), bundle)
    samples = voice(rng, 3.0)
    estimates = [
        estimate
        for start in range(0, len(samples), 320)
        for estimate in pipeline.feed(edge_app.AudioBlock(samples[start : start + 320], start))
    ]
    estimates += pipeline.flush()
    assert [estimate.end / SAMPLE_RATE for estimate in estimates] == [1 + 0.25 * hop for hop in range(9)]
    assert {estimate.label for estimate in estimates} <= set(bundle.labels)
    assert all(abs(sum(estimate.scores.values()) - 1) < 1e-6 for estimate in estimates)


def test_every_public_name_can_be_used() -> None:
    for name in edge_app.__all__:
        assert getattr(edge_app, name)
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = edge_app.nothing_of_that_name
