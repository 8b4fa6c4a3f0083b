"""On voices that differ more than their moods do, knowing the voice must help; and no speaker is ever on both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_app.core.labels import FOUR_CLASSES
from train.baseline_study import HOLD_OUT, SETTINGS, cut, fit_linear, study
from train.config import BaselineConfig, ExperimentConfig, parse_config
from train.corpora import Utterance
from train.functionals import FunctionalTable
from train.tabular import mean_shift

WINDOWS, SIZE = 5, 6


@pytest.fixture(scope="module")
def table() -> FunctionalTable:
    """Two corpora of four speakers with 32 utterances of 2 s each: 6 numbers = voice + mood + chance."""
    rng = np.random.default_rng(4)
    moods = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]) @ rng.normal(0, 2, (3, SIZE))
    utterances, values = [], []
    for corpus in ("first", "second"):
        for speaker in range(4):
            voice = rng.normal(0, 3, SIZE)
            for number in range(32):
                label = number % 4
                utterances.append(
                    Utterance(
                        path=Path(f"{corpus}/{speaker}-{number}.wav"), corpus=corpus, speaker=f"{corpus}/{speaker}",
                        language="und", label=FOUR_CLASSES[label],
                    )
                )  # fmt: skip
                values.append(voice + moods[label] + rng.normal(0, 1, (WINDOWS, SIZE)))
    rows = np.concatenate(values).astype(np.float32)
    owner = np.repeat(np.arange(len(utterances)), WINDOWS)
    return FunctionalTable(utterances, rows[None], owner, np.ones(len(rows), np.float32))


@pytest.fixture(scope="module")
def config() -> ExperimentConfig:
    return parse_config({"name": "x", "model": {"net": "linear"}, "data": {"features": "egemaps"}}, "test")


@pytest.mark.parametrize(("kind", "share"), [("logistic", 0.0), ("svc", 0.7)])
def test_knowing_the_voice_helps_and_one_mood_does_not(
    table: FunctionalTable, config: ExperimentConfig, kind: str, share: float
) -> None:
    config = replace(config, baseline=BaselineConfig(share=share))
    cuts = list(cut("loco", table.utterances, Path()))
    found = study(config, table, cuts, lambda fold: fit_linear(kind, config, table, fold))
    mean = {setting: figures["mean"] for setting, figures in found["settings"].items()}
    assert tuple(mean) == SETTINGS
    assert mean["enrolled:15"] > mean["none"] + 0.1
    assert mean["adaptive:60"] > mean["adaptive:5"] >= mean["none"] - 0.02
    assert mean["one-mood:60"] < mean["adaptive:15"]
    assert found["hold_out"] == HOLD_OUT
    none, enrolled = (found["settings"][setting]["first"] for setting in ("none", "enrolled:5"))
    # Half of the eight neutral utterances of four speakers; all that remain are scored under every setting.
    assert none["held"] == enrolled["held"] == 16
    assert none["n"] == enrolled["n"] == 4 * 32 - 16
    assert (none["weight"], none["heard"]) == (0.0, 0.0)
    assert enrolled["heard"] == pytest.approx(5.0, abs=0.25)
    assert enrolled["weight"] == pytest.approx(5 / 7, abs=0.01)
    assert enrolled["without"] == []


@pytest.mark.parametrize(("protocol", "count"), [("loco", 2), ("within", 8)])
def test_nobody_is_on_both_sides(table: FunctionalTable, protocol: str, count: int, monkeypatch) -> None:
    monkeypatch.setattr("train.baseline_study.WITHIN_FOLDS", 4)
    cuts = list(cut(protocol, table.utterances, Path()))
    assert len(cuts) == count
    for fold in cuts:
        sides = [[table.utterances[number] for number in side] for side in (fold.train, fold.test)]
        trained, tested = ({utterance.speaker for utterance in side} for side in sides)
        assert not trained & tested
        corpora = [{utterance.corpus for utterance in side} for side in sides]
        assert (corpora[0] == corpora[1]) == (protocol == "within")


def test_one_speaker_is_left_out_and_other_corpora_train_in_every_fold(table: FunctionalTable) -> None:
    cuts = list(cut("loso", table.utterances, Path(), also=("second",)))
    assert [fold.name for fold in cuts] == [f"first/{speaker}" for speaker in range(4)]
    for fold in cuts:
        assert {table.utterances[number].speaker for number in fold.test} == {fold.name}
        assert len(fold.test) == 32
        assert len(fold.train) == len(table.utterances) - 32
        assert set(fold.train) | set(fold.test) == set(range(len(table.utterances)))


def test_what_augmentation_adds_is_its_mean_over_an_utterance(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2, 5, 3)).astype(np.float32)
    found = mean_shift(values, np.array([0, 0, 0, 4, 4]))
    assert found.shape == (10, 3)
    assert not found[:5].any()
    added = values[1] - values[0]
    np.testing.assert_allclose(found[5:8], np.tile(added[:3].mean(axis=0), (3, 1)), rtol=1e-5)
    np.testing.assert_allclose(found[8:], np.tile(added[3:].mean(axis=0), (2, 1)), rtol=1e-5)
