"""Windows that train are standardised as the device's baseline stage would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_app.core.baseline import Baseline
from edge_app.core.features import LogMel
from edge_app.core.types import Window
from edge_app.core.wearer import AdaptiveBaseline, HeardSpeech, Shrinkage, WearerSettings, enrolled_baseline
from edge_app.errors import ConfigurationError
from train.config import BaselineConfig, parse_config
from train.corpora import Utterance
from train.frames import FrameStore
from train.functionals import FunctionalTable
from train.material import CutWindows
from train.simulation import SimulatedWearers, SpokenMeans, ordinary_speech, spoken_means, wearer_entry

BASELINE = Baseline("digest", 1, np.zeros(2, np.float32), np.full(2, 1e6, np.float32))
SETTINGS = WearerSettings(adaptive=Shrinkage(prior=10.0, limit=0.5), enrolled=Shrinkage(prior=2.0))
LABELS = ("neutral", "neutral", "anger", "anger", "sadness")


def means(*speakers: str, seconds: float = 4.0) -> SpokenMeans:
    """Utterance n of a speaker has the mean 10 n + 100 * the speaker's number."""
    utterances = [
        Utterance(path=Path(f"{s}{n}.wav"), corpus="made", speaker=s, language="und", label=label)
        for s in speakers
        for n, label in enumerate(LABELS)
    ]
    values = [100.0 * number + 10.0 * n for number in range(len(speakers)) for n in range(len(LABELS))]
    return SpokenMeans(utterances, np.full(len(values), seconds), np.repeat(np.array(values)[:, None], 2, axis=1))


def simulate(found: SpokenMeans, **config: float) -> SimulatedWearers:
    numbers = np.arange(len(found.utterances))
    return SimulatedWearers(found, numbers, BASELINE, BaselineConfig(**config), SETTINGS)  # type: ignore[arg-type]


def test_without_a_share_nothing_is_simulated(rng: np.random.Generator) -> None:
    drawn = simulate(means("ann"), share=0.0).draw(np.arange(5), rng)
    assert drawn.tolist() == [[0.0, 0.0]] * 5


def test_a_session_that_heard_everything_else_is_the_stage_itself(rng: np.random.Generator) -> None:
    found = means("ann", "bob")
    drawn = simulate(found, share=1.0, enrolled=0.0, shortest=1e3, longest=1e3).draw(np.array([2, 8]), rng)
    for row, number in zip(drawn, (2, 8), strict=True):
        stage = AdaptiveBaseline(BASELINE, SETTINGS.adaptive)
        at = 0
        for other in range(len(LABELS)):
            other += number // 5 * 5
            if other != number:
                stage.hear(Window(found.mean[other].astype(np.float32), at, at + 64000, 1.0))
                at += 64000
        np.testing.assert_allclose(row, -1e6 * stage.standardise(np.zeros(2, np.float32)), rtol=1e-5)


def test_enrolment_hears_neutral_speech_and_is_set_off_as_on_the_device(rng: np.random.Generator) -> None:
    found = means("ann", "bob")
    wearers = simulate(found, share=1.0, enrolled=1.0, shortest=1e3, longest=1e3)
    drawn = wearers.draw(np.array([7]), rng)
    heard = HeardSpeech(BASELINE)
    for number in (5, 6):
        heard.add(found.mean[number], np.zeros(2), 4.0)
    expected = enrolled_baseline(BASELINE, heard.statistics("digest", 16000), wearers.settings)
    np.testing.assert_allclose(drawn[0], expected.mean, rtol=1e-5)
    own = wearers.draw(np.array([5]), rng)[0, 0]
    weight = 4 / 6
    assert own == pytest.approx(weight * (found.mean[6, 0] - wearers.settings.ordinary[0]))  # never itself


def test_how_much_is_heard_is_drawn_between_the_limits(rng: np.random.Generator) -> None:
    found = means("ann", seconds=100.0)
    found = SpokenMeans(found.utterances, found.seconds, np.ones_like(found.mean))
    drawn = simulate(found, share=1.0, enrolled=0.0, shortest=2.0, longest=8.0).draw(np.zeros(4000, np.int64), rng)
    seconds = 10 * drawn[:, 0] / (1 - drawn[:, 0])  # the weight of n seconds is n / (n + 10)
    assert (seconds.min(), seconds.max()) == (pytest.approx(2.0, rel=0.01), pytest.approx(8.0, rel=0.01))
    assert np.median(seconds) == pytest.approx(4.0, rel=0.05)


def test_the_share_is_that_of_simulated_windows(rng: np.random.Generator) -> None:
    drawn = simulate(means("bob", "ann"), share=0.3, enrolled=0.0).draw(np.full(4000, 9), rng)
    assert np.mean(drawn[:, 0] != 0) == pytest.approx(0.3, abs=0.03)


def test_a_wearer_is_heard_through_the_room_of_the_moment(rng: np.random.Generator) -> None:
    wearers = simulate(means("ann"), share=1.0, enrolled=0.0, shortest=1e3, longest=1e3)
    channel = np.array([[6.0, -3.0]], np.float32)
    numbers = np.array([0])
    clean, heard = wearers.draw(numbers, rng), wearers.draw(numbers, rng, channel)
    weight = SETTINGS.adaptive.weight(16.0)
    np.testing.assert_allclose(heard - clean, weight * channel, rtol=1e-5)


def test_draws_are_those_of_the_seed() -> None:
    wearers = simulate(means("ann", "bob"), share=0.7)
    numbers = np.arange(10)
    assert np.array_equal(*(wearers.draw(numbers, np.random.default_rng(3)) for _ in range(2)))


def test_a_speaker_of_one_utterance_or_none_with_speech_is_left_alone(rng: np.random.Generator) -> None:
    found = means("ann")
    silent = SpokenMeans(found.utterances, np.zeros(5), np.zeros((5, 2)))
    assert simulate(silent, share=1.0).draw(np.arange(5), rng).tolist() == [[0.0, 0.0]] * 5
    wearers = SimulatedWearers(found, np.array([3]), BASELINE, BaselineConfig(share=1.0), SETTINGS)
    assert wearers.draw(np.array([3]), rng).tolist() == [[0.0, 0.0]]
    assert wearers.settings.ordinary is None


def test_ordinary_speech_is_the_mean_over_speakers_of_neutral_minus_all_labels() -> None:
    found = means("ann", "bob")
    # neutral 5, anger 25, sadness 40 in every speaker: 5 - 70 / 3
    np.testing.assert_allclose(ordinary_speech(found, np.arange(10)), [5 - 70 / 3] * 2, rtol=1e-6)
    assert ordinary_speech(found, np.array([0, 1])) is None
    assert ordinary_speech(found, np.array([2, 3])) is None


def test_the_entry_of_a_bundle_reads_back(tmp_path: Path) -> None:
    from edge_app.bundle import _parse_wearer

    settings = simulate(means("ann"), share=0.5).settings
    found = _parse_wearer(wearer_entry(settings), 2)
    assert (found.default, found.adaptive, found.enrolled) == (settings.default, settings.adaptive, settings.enrolled)
    assert found.ordinary.tolist() == settings.ordinary.tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [({"share": 1.5}, "between 0 and 1"), ({"shortest": 0.0}, "above 0"), ({"shortest": 9.0, "longest": 8.0}, "most"),
     ({"default": "me"}, "choose from none, adaptive"), ({"prior": 3}, "no key 'prior'")],
)  # fmt: skip
def test_impossible_settings_are_named(values: dict, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_config({"name": "x", "model": {"net": "chunk-cnn"}, "baseline": values}, "test")


def utterances(count: int) -> list[Utterance]:
    return [Utterance(path=Path(f"{n}.wav"), corpus="made", speaker="ann", language="und") for n in range(count)]


def test_windows_of_frames_are_those_of_the_device(rng: np.random.Generator) -> None:
    extractor = LogMel()
    counts = (186, 61)
    frames = rng.normal(-40, 10, (2, sum(counts), 128)).astype(np.float16)
    last = [(0, at) for at in (61, 69, 77, 85)] + [(1, 186 + 60)]
    store = FrameStore(
        utterances(2), frames, np.array([0, 186, 247]), np.array(last), np.array([1, 1, 0.25, 1, 1], np.float32), 61
    )
    first, second = CutWindows(store, extractor)
    assert [window.end for window in first] == [61 * 256 + 512, 77 * 256 + 512]
    assert [window.speech for window in first] == [1.0, 0.25]
    assert np.array_equal(first[1].features, frames[0, 17:78].astype(np.float32))
    assert len(second) == 1
    assert np.array_equal(second[0].features, frames[0, 186:247].astype(np.float32))


def test_windows_of_functionals_lie_a_hop_apart(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 5, 4)).astype(np.float32)
    table = FunctionalTable(utterances(3), values, np.array([0, 0, 0, 2, 2]), np.full(5, 0.75, np.float32))
    first, none, last = CutWindows(table, LogMel())
    assert [(window.start, window.end) for window in first] == [(0, 16000), (4000, 20000), (8000, 24000)]
    assert none == []
    assert np.array_equal(last[1].features, values[0, 4])
    wide = Baseline("", 1, np.zeros(4, np.float32), np.full(4, 1e6, np.float32))
    found = spoken_means(table.utterances, [first, none, last], wide)
    np.testing.assert_allclose(found.seconds, [0.75 * 1.5, 0.0, 0.75 * 1.25])
    weights = np.array([1.0, 0.25, 0.25])[:, None]
    np.testing.assert_allclose(found.mean[0], (weights * values[0, :3]).sum(axis=0) / 1.5, rtol=1e-6)
