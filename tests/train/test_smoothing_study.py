"""The study of smoothings: what it smooths is what the pipeline shows, and its figures are those worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import voice
from sklearn.calibration import calibration_curve

from edge_app.app import open_pipeline
from edge_app.bench.timeline import Stretch
from edge_app.bundle import load_bundle
from edge_app.core.smoothing import SMOOTHING_OFF, Smoother, SmoothingSettings
from edge_app.core.types import AudioBlock, Estimate, samples
from edge_app.errors import ConfigurationError
from edge_app.settings import PipelineSettings
from train.smoothing_study import Heard, choose, hear, measure, smoothed, sweep, told_the_truth

LABELS = ("neutral", "anger")
HEADER = "start,end,speaker,emotion,noise,snr\n"
STEADY = SmoothingSettings(0.5, 0.1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of something like speech, with a pause, and two changes of the emotion."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("clips") / "clip.flac"
    audio = np.concatenate((voice(rng, 3.0), np.zeros(samples(2.0), dtype=np.float32), voice(rng, 3.0)))
    soundfile.write(path, audio, 16_000)
    path.with_suffix(".csv").write_text(
        HEADER + "0,2,a,neutral,,\n2,3,b,anger,,\n3,5,,pause,,\n5,8,a,sadness,,\n", encoding="utf-8"
    )
    return path


def heard(*scores: float | None, timeline: tuple[Stretch, ...] = (), least: float = 0.0) -> Heard:
    """Windows of a second, a second apart, with the probability of anger in each, None where nobody speaks."""
    estimates = []
    for number, anger in enumerate(scores):
        told = {} if anger is None else {"neutral": 1 - anger, "anger": anger}
        state = "no-speech" if anger is None else "speech"
        start, end = samples(number), samples(number + 1)
        estimates.append(Estimate(start, end, state, None, None, told, None, None, None, float(bool(told)), 0.0))
    return Heard(tuple(estimates), timeline, LABELS, least, 0.3, 1.0)


CHANGE = (Stretch(0, 3, "a", "neutral"), Stretch(3, 6, "b", "anger"), Stretch(6, 7, "", "pause"))


def test_it_shows_what_the_pipeline_shows(tiny_bundle: Path, clip: Path) -> None:
    found = hear(str(tiny_bundle), clip)
    bundle = load_bundle(str(tiny_bundle))
    audio, _ = soundfile.read(clip, dtype="float32")
    pipeline = open_pipeline(PipelineSettings(model=str(tiny_bundle), smoothing=STEADY), bundle)
    expected = [*pipeline.feed(AudioBlock(audio, 0)), *pipeline.flush()]
    shown = [each.estimate for each in smoothed(found, Smoother(STEADY))]
    assert {each.state for each in expected} >= {"speech", "no-speech"}
    assert [each.label for each in shown] == [each.label for each in expected]
    assert [each.state for each in shown] == [each.state for each in expected]
    for ours, theirs in zip(shown, expected, strict=True):
        assert ours.confidence == pytest.approx(theirs.confidence)
        assert dict(ours.scores) == pytest.approx(dict(theirs.scores))


def test_a_threshold_hides_labels_and_noise_stays_noise() -> None:
    windows = heard(0.3, 0.45, 0.9, timeline=CHANGE, least=0.6)
    assert [each.estimate.label for each in smoothed(windows, Smoother(SMOOTHING_OFF))] == ["neutral", None, "anger"]
    free = smoothed(windows, Smoother(SMOOTHING_OFF), 0.0)
    assert [each.estimate.label for each in free] == ["neutral", "neutral", "anger"]
    noisy = replace(windows, estimates=tuple(replace(each, reason="noise") for each in windows.estimates))
    assert {each.estimate.state for each in smoothed(noisy, Smoother(SMOOTHING_OFF), 0.0)} == {"uncertain"}


def test_figures_by_hand() -> None:
    #           n    a    n    n    a    a    (pause)
    windows = heard(0.2, 0.8, 0.1, 0.4, 0.9, 0.6, 0.6, timeline=CHANGE)
    found = measure([windows, windows], partial(Smoother, SMOOTHING_OFF))
    assert (found["changes"], found["true_changes"], found["ratio"]) == (6, 2, 3.0)
    assert found["delay"] == [2.0, 2.0, 2.0] and found["wait"] == 2.0
    assert found["missed"] == found["already"] == 0
    assert found["agreement"] == pytest.approx(4 / 6, abs=1e-4)  # the last is in a pause
    assert found["shown"] == 1.0
    confidence = np.array([0.8, 0.8, 0.9, 0.6, 0.9, 0.6])
    right = np.array([1, 0, 1, 0, 1, 1])
    # Three bins of scikit-learn hold two each: the mean distance of their accuracy and confidence.
    accuracy, mean = calibration_curve(right, confidence, n_bins=15)
    assert found["ece"] == pytest.approx(np.abs(accuracy - mean).mean(), abs=1e-4)


def test_a_change_that_is_never_shown_is_waited_for_to_its_end() -> None:
    found = measure([heard(0.2, 0.2, 0.1, 0.2, 0.1, 0.2, timeline=CHANGE)], partial(Smoother, SMOOTHING_OFF))
    assert found["delay"] is None
    assert (found["missed"], found["wait"], found["ratio"]) == (1.0, 4.0, 0.0)


def test_a_model_that_is_never_wrong() -> None:
    half = (Stretch(0, 0.5, "a", "neutral"), Stretch(0.5, 1.25, "b", "anger"), Stretch(1.25, 3, "", "pause"))
    windows = heard(0.5, None, 0.5, timeline=half)
    kept = told_the_truth(windows, pauses=False).estimates
    assert [dict(each.scores) for each in kept] == [
        {"neutral": 0.5, "anger": 0.5}, {}, {"neutral": 0.5, "anger": 0.5}
    ]  # fmt: skip
    known = told_the_truth(windows, pauses=True).estimates
    assert [each.state for each in known] == ["speech", "no-speech", "no-speech"]  # 0.25 s are too little
    assert dict(told_the_truth(heard(0.5, timeline=CHANGE), True).estimates[0].scores) == {"neutral": 1.0, "anger": 0.0}


def rows(*values: tuple[float, float, float | None]) -> list[dict[str, object]]:
    """Rows of ratio, wait and median delay."""
    return [
        {"ratio": ratio, "wait": wait, "delay": None if delay is None else [delay, 0.0, 9.0]}
        for ratio, wait, delay in values
    ]


def test_the_choice_is_steady_waits_least_and_then_is_quick() -> None:
    one = rows((1.0, 5.0, 2.0), (1.2, 4.0, 3.0), (3.0, 1.0, 0.5))
    assert choose([one]) == 1
    assert choose([one, rows((1.0, 5.0, 2.0), (1.3, 6.5, 2.0), (0.1, 1.0, 1.0))]) == 0
    assert choose([one, rows((1.4, 1.0, 1.0), (1.1, 9.0, 1.0), (0.1, 0.0, 1.0))]) == 1  # one group flickers
    assert choose([rows((1.0, 5.0, 2.0), (1.0, 5.09, 1.0), (1.0, 5.2, 0.5))]) == 1
    assert choose([rows((1.0, 5.0, 2.0), (0.0, 5.01, None))]) == 0
    assert choose([rows((2.0, 1.0, 1.0), (1.5, 9.0, 1.0))]) == 1


def test_a_sweep_of_a_real_clip(tiny_bundle: Path, clip: Path) -> None:
    found = hear(str(tiny_bundle), clip)
    swept = sweep([found])
    assert swept["shipped"]["true_changes"] == 2
    (same,) = [row for row in swept["settings"] if row["smoothing"] == swept["shipped"]["smoothing"]]
    assert same == swept["shipped"]
    assert swept["floor"]["right"]["agreement"] > 0.9
    assert swept["floor"]["right"]["missed"] == 0
    shares = [row["shown"] for row in swept["filters"]]
    assert max(abs(share - swept["shipped"]["shown"]) for share in shares) < 0.2  # a window is a twentieth
    silent = replace(found, timeline=(Stretch(0, 8, "a", "anger"),))
    with pytest.raises(ConfigurationError, match="the emotion never changes"):
        sweep([silent])


def test_a_clip_without_its_timeline(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "clip.flac"
    copy.write_bytes(clip.read_bytes())
    with pytest.raises(ConfigurationError, match=r"clip\.csv: no such file"):
        hear(str(tiny_bundle), copy)
    copy.with_suffix(".csv").write_text(HEADER + "0,7,a,anger,,\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="8 s long, but its timeline ends at 7 s"):
        hear(str(tiny_bundle), copy)
