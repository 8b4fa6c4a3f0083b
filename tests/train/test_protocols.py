from pathlib import Path

import numpy as np
import pytest

from edge_app.errors import ConfigurationError, CorpusError
from train.corpora import Utterance, read_corpus
from train.protocols import Fold, check_disjoint, folds, split_validation


def made(speakers: str, corpus: str = "made") -> list[Utterance]:
    return [
        Utterance(path=Path(f"{n}.wav"), corpus=corpus, speaker=f"{corpus}/{s}", language="de", label="anger")
        for n, s in enumerate(speakers)
    ]


@pytest.mark.parametrize("protocol", ["loso", "group-2", "group-3"])
def test_speakers_are_disjoint_and_every_utterance_is_tested_once(protocol):
    utterances = made("aabbccddaabb")
    cut = list(folds(protocol, utterances, Path()))
    for fold in cut:
        check_disjoint(fold, utterances)
    assert sorted(np.concatenate([fold.test for fold in cut])) == list(range(12))
    assert len(cut) == {"loso": 4, "group-2": 2, "group-3": 3}[protocol]


def test_a_shared_speaker_is_refused_by_name():
    with pytest.raises(CorpusError, match="made/a"):
        check_disjoint(Fold("x", np.array([0]), np.array([1])), made("aa"))


@pytest.mark.parametrize("protocol", ["group-1", "group-9", "group-x", "random"])
def test_impossible_protocols(protocol):
    with pytest.raises(ConfigurationError):
        list(folds(protocol, made("abc"), Path()))


def test_leaving_one_corpus_out_tests_each_in_turn():
    utterances = made("aab") + made("xy", "other")
    cut = list(folds("loco", utterances, Path()))
    assert [(fold.name, fold.test.tolist()) for fold in cut] == [("made", [0, 1, 2]), ("other", [3, 4])]
    with pytest.raises(ConfigurationError, match="two corpora"):
        list(folds("loco", made("ab"), Path()))


def test_one_speaker_cannot_be_split():
    with pytest.raises(CorpusError, match="1 speaker"):
        list(folds("loso", made("aaa"), Path()))


def test_emobox_needs_its_folds(tmp_path):
    with pytest.raises(CorpusError, match="EmoBox"):
        list(folds("emobox", made("ab"), tmp_path))


@pytest.mark.corpus
def test_emobox_folds_of_emodb_are_the_published_ones(corpora):
    utterances = read_corpus("emodb", corpora)
    cut = list(folds("emobox", utterances, corpora))
    assert len(cut) == 5
    with pytest.raises(CorpusError, match="both sides"):
        check_disjoint(cut[0], utterances)


def test_validation_speakers_come_from_every_corpus_and_stay_together():
    utterances = made("aabbccddee") + made("xxyyzz", "other")
    training, validation = split_validation(utterances, 0.2, seed=4)
    inside = {utterances[n].speaker for n in validation}
    assert not inside & {utterances[n].speaker for n in training}
    assert {speaker.split("/")[0] for speaker in inside} == {"made", "other"}
    assert len(training) + len(validation) == len(utterances)
    again = split_validation(utterances, 0.2, seed=4)
    np.testing.assert_array_equal(validation, again[1])
