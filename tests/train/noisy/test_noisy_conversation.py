"""Long clips: their timelines say what is in them."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.bench.timeline import PAUSE, moods, read_timeline
from edge_app.errors import ConfigurationError, CorpusError
from train.corpora import Utterance, read_corpus
from train.noisy.conversation import ClipPlan, as_csv, converse, record_clip, record_clips
from train.noisy.material import NoiseMaterial

PLAN = ClipPlan("voices", ("neutral", "anger", "sadness"), 0.4, "test", "table", ("environment",), 1)


@pytest.fixture
def utterances(voices: Path) -> list[Utterance]:
    return [utterance for utterance in read_corpus(str(voices)) if utterance.label in PLAN.labels]


def test_stretches_add_up_to_the_clip(utterances: list[Utterance], material: NoiseMaterial) -> None:
    recording, timeline = record_clip(utterances, PLAN, material, 0)
    assert len(recording.samples) == 24 * 16_000
    assert timeline[0].start == 0.0
    assert all(earlier.end == later.start for earlier, later in pairwise(timeline))
    assert sum(stretch.end - stretch.start for stretch in timeline) == pytest.approx(24.0)
    assert all(stretch.end > stretch.start for stretch in timeline)
    for stretch in timeline:
        assert (stretch.emotion == PAUSE) == (stretch.speaker == "") == (stretch.snr is None)
        assert stretch.noise == "environment"


def test_ratios_of_stretches_are_those_of_their_samples(utterances: list[Utterance], material: NoiseMaterial) -> None:
    recording, timeline = record_clip(utterances, PLAN, material, 0)
    for stretch in timeline:
        if stretch.snr is None:
            continue
        here = slice(round(16_000 * stretch.start), round(16_000 * stretch.end))
        speech = recording.speech[here].astype(np.float64)
        others = recording.samples[here] - speech
        power = np.mean(speech[recording.spoken[here]] ** 2)
        assert stretch.snr == pytest.approx(10 * np.log10(power / np.mean(others**2)), abs=0.01)


def test_the_speech_is_where_the_turns_are(utterances: list[Utterance]) -> None:
    speech, turns = converse(utterances, 24 * 16_000, np.random.default_rng(2))
    assert len(turns) >= 3
    quiet = np.ones(len(speech), dtype=bool)
    for turn in turns:
        quiet[turn.start : turn.stop] = False
        assert np.abs(speech[turn.start : turn.start + 8_000]).max() > 0.01
        assert np.abs(speech[turn.stop - 8_000 : turn.stop]).max() > 0.01
    assert not speech[quiet].any()
    for earlier, later in pairwise(turns):
        assert 0.59 * 16_000 <= later.start - earlier.stop <= 6.01 * 16_000
        assert (earlier.speaker, earlier.emotion) != (later.speaker, later.emotion)


def test_nobody_says_anything_twice(utterances: list[Utterance]) -> None:
    speech, _ = converse(utterances, 24 * 16_000, np.random.default_rng(2))
    pieces = [speech[at : at + 4_000] for at in range(0, len(speech) - 4_000, 4_000)]
    heard = [piece.tobytes() for piece in pieces if piece.any()]
    assert len(heard) == len(set(heard)) > 40


def test_a_timeline_reads_back(utterances: list[Utterance], material: NoiseMaterial, tmp_path: Path) -> None:
    _, timeline = record_clip(utterances, PLAN, material, 1)
    (tmp_path / "clip.csv").write_text(as_csv(timeline), encoding="utf-8")
    found = read_timeline(tmp_path / "clip.csv")
    assert [(s.speaker, s.emotion, s.noise) for s in found] == [(s.speaker, s.emotion, s.noise) for s in timeline]
    np.testing.assert_allclose([s.end for s in found], [s.end for s in timeline], atol=1e-4)
    assert len(moods(found)) == 1 + sum(
        earlier.emotion != later.emotion for earlier, later in pairwise([s for s in timeline if s.emotion != PAUSE])
    )


def test_clips_are_kept_and_the_same_each_time(
    utterances: list[Utterance], material: NoiseMaterial, tmp_path: Path
) -> None:
    stop = threading.Event()
    first = [path for path, _ in record_clips(utterances, PLAN, material, 2, tmp_path / "a", stop)]
    before = [path.stat().st_mtime_ns for path in first]
    assert [path.name for path in first] == ["voices-0.flac", "voices-1.flac"]
    list(record_clips(utterances, PLAN, material, 2, tmp_path / "a", stop))
    assert [path.stat().st_mtime_ns for path in first] == before
    list(record_clips(utterances, PLAN, material, 2, tmp_path / "b", stop))
    for path in first:
        for suffix in (".flac", ".csv"):
            assert (
                path.with_suffix(suffix).read_bytes() == (tmp_path / "b" / path.name).with_suffix(suffix).read_bytes()
            )
        assert soundfile.info(path).duration == 24.0
    assert first[0].read_bytes() != first[1].read_bytes()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        list(record_clips(utterances, PLAN, material, 2, tmp_path / "a", stop))


def test_clips_of_another_plan_are_not_replaced(
    utterances: list[Utterance], material: NoiseMaterial, tmp_path: Path
) -> None:
    list(record_clips(utterances, PLAN, material, 1, tmp_path, threading.Event()))
    other = ClipPlan("voices", PLAN.labels, 0.4, "test", "table", ("environment",), 2)
    with pytest.raises(ConfigurationError, match=r"voices-0\.flac: recorded with another seed"):
        list(record_clips(utterances, other, material, 1, tmp_path, threading.Event()))


def test_too_little_for_a_conversation(utterances: list[Utterance]) -> None:
    with pytest.raises(CorpusError, match="two speakers and two emotions"):
        converse([u for u in utterances if u.label == "anger"], 160_000, np.random.default_rng(0))
    with pytest.raises(CorpusError, match="two speakers and two emotions"):
        converse([], 160_000, np.random.default_rng(0))
    with pytest.raises(CorpusError, match="too few utterances for so long a clip"):
        converse(utterances, 160 * 16_000, np.random.default_rng(0))
