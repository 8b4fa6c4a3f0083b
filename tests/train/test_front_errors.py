"""Errors of voice activity and of the ratio, on streams whose truth was put there."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from edge_app.core.types import SAMPLE_RATE
from edge_app.vad import DETECTORS
from train.corpora import read_corpus
from train.front_errors import Tally, judge, measure_front
from train.noise import rms, speech_mask
from train.noise_kinds import GaussianNoise, make_source
from train.noise_streams import LEVEL, PAUSE, SpokenStream, loud_mask, spoken_streams

WHITE = GaussianNoise("white", 0.0)


def burst_stream(rng) -> SpokenStream:
    """Two seconds of silence, two of noise that counts as speech, two of silence."""
    second = SAMPLE_RATE
    samples = np.zeros(6 * second, np.float32)
    samples[2 * second : 4 * second] = LEVEL * rng.normal(size=2 * second)
    speech = samples != 0
    return SpokenStream("x", samples, speech, ~speech)


class Knowing:
    """A detector that is told which frames are speech."""

    frame_length = 320
    answers = np.zeros(0, np.float32)

    def __init__(self):
        self._at = 0

    def feed(self, samples):
        count = len(samples) // self.frame_length
        self._at += count
        return self.answers[self._at - count : self._at]

    def reset(self):
        self._at = 0


@pytest.fixture
def knowing(monkeypatch):
    """Registers the detector, and says what it answers."""
    monkeypatch.setitem(DETECTORS, "knowing", f"{__name__}:Knowing")

    def tell(answers):
        monkeypatch.setattr(Knowing, "answers", np.asarray(answers, dtype=np.float32))
        return "knowing"

    return tell


@pytest.mark.parametrize(
    ("answers", "miss", "alarm"),
    [("truth", 0.0, 0.0), ("nothing", 1.0, 0.0), ("everything", 0.0, 1.0), ("opposite", None, None)],
)
def test_errors_are_counted_against_the_truth(knowing, rng, answers, miss, alarm):
    stream = burst_stream(rng)
    truth = stream.speech.reshape(-1, 320).all(axis=1)
    said = {"truth": truth, "nothing": 0 * truth, "everything": 0 * truth + 1, "opposite": ~truth}[answers]
    tally = Tally()
    judge(stream, stream.samples, 0 * stream.samples, knowing(said), 0.3, tally)
    found = tally.voice_activity()
    # Windows end every quarter of a second from 1 s on: half speech from 2.5 to 4.5 s, silent with half a second of
    # silence before them from 1.5 to 2 s and from 5.5 to 6 s.
    assert (found["speech_windows"], found["silent_windows"]) == (9, 6)
    if answers == "opposite":
        assert (found["frame_miss"], found["frame_false_alarm"]) == (1.0, 1.0)
    else:
        assert (found["miss"], found["false_alarm"]) == (miss, alarm)
        assert (found["frame_miss"], found["frame_false_alarm"]) == (miss, alarm)


def test_the_meters_error_is_against_the_clean_speech_and_the_noise_alone(rng, monkeypatch):
    stream = burst_stream(rng)
    samples, noise = stream.under(WHITE, 10.0, seed=0)
    monkeypatch.setattr("train.front_errors.SnrMeter.snr", property(lambda meter: 12.0))
    tally = Tally()
    judge(stream, samples, noise, "none", 0.3, tally)
    found = tally.meter()
    assert found["bias"] == pytest.approx(12 - 10, abs=0.2)
    assert found["spread"] < 0.1
    # Windows of speech end from 2.5 s on; a third of their last three seconds is speech from 3 s on.
    assert found["n"] == 7


def test_streams_have_their_level_their_pauses_and_their_ratio(voices):
    streams = spoken_streams(read_corpus(str(voices)), seed=1, speakers=3, seconds=4.0)
    assert len({stream.speaker for stream in streams}) == 3
    for stream in streams:
        assert not stream.samples[stream.silence].any()
        assert not (stream.silence & stream.speech).any()
        lengths = np.diff(np.flatnonzero(np.diff(stream.silence.astype(int), prepend=0, append=0))) / SAMPLE_RATE
        assert all(PAUSE[0] <= pause <= PAUSE[1] for pause in lengths[::2])
        assert len(lengths) == 2 * 3 + 1  # three utterances of 1.6 s are more than four seconds
        mixed, noise = stream.under(WHITE, 5.0, seed=2)
        spoken = rms(stream.samples[speech_mask(stream.samples)])
        assert 20 * np.log10(spoken / rms(noise)) == pytest.approx(5.0, abs=0.5)
        np.testing.assert_array_equal(mixed, np.clip(stream.samples + noise, -1, 1))
        again, _ = stream.under(WHITE, 5.0, seed=2)
        np.testing.assert_array_equal(mixed, again)
        clean, nothing = stream.under(WHITE, None, seed=2)
        assert clean is stream.samples and not nothing.any()


def test_speech_is_what_is_loud_with_short_gaps_closed(rng):
    samples = np.zeros(40 * 320, np.float32)
    for first, stop in ((5, 10), (14, 20), (32, 35)):  # gaps of 80 ms and of 240 ms
        samples[first * 320 : stop * 320] = LEVEL * rng.normal(size=(stop - first) * 320)
    samples[36 * 320 : 38 * 320] = LEVEL * 10 ** (-30 / 20) * rng.normal(size=640)  # too quiet
    loud = loud_mask(samples).reshape(-1, 320)
    assert (loud.all(axis=1) == loud.any(axis=1)).all()
    assert np.flatnonzero(loud.all(axis=1)).tolist() == [*range(5, 20), *range(32, 35)]


def test_silent_recordings_are_passed_over(tmp_path, rng):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "loud.wav", rng.normal(0, 0.1, 16_000), 16_000)
    (tmp_path / "two.csv").write_text("path,speaker,label\nquiet.wav,x,\nloud.wav,x,\n", encoding="utf-8")
    (stream,) = spoken_streams(read_corpus(str(tmp_path / "two.csv")), seed=0)
    assert (~stream.silence).sum() == 16_000


def test_every_detector_kind_and_ratio_has_its_point(voices):
    streams = spoken_streams(read_corpus(str(voices)), seed=1, speakers=1, seconds=2.0)
    found = measure_front(streams, [WHITE], [None, 0.0], ["webrtc", "none"], 0.3, seed=0)
    assert [point["snr_db"] for point in found["vad"]["webrtc"]["white"]] == [None, 0.0]
    assert [point["snr_db"] for point in found["meter"]["white"]] == [0.0]
    always = found["vad"]["none"]["white"][1]
    assert (always["miss"], always["false_alarm"], always["frame_false_alarm"]) == (0.0, 1.0, 1.0)


@pytest.mark.corpus
def test_the_ratio_of_real_speech_is_told_within_a_few_decibels(corpora):
    """docs/noise.md has the whole table."""
    streams = spoken_streams(read_corpus("emodb", corpora), seed=3, speakers=4)
    sources = [make_source(kind, corpora) for kind in ("white", "babble")]
    meter = measure_front(streams, sources, [10.0, 0.0], ["none"], 0.3, seed=3)["meter"]
    for kind, bias, spread in (("white", 4.0, 2.5), ("babble", 5.0, 4.0)):
        for point in meter[kind]:
            assert abs(point["bias"]) <= bias
            assert point["spread"] <= spread
            assert point["n"] >= 100
