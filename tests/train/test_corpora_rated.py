"""Readers of IEMOCAP and MSP-Podcast, whose recordings listeners rated, on made trees of the published layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.errors import CorpusError
from train.corpora import read_corpus
from train.corpora.ratings import scaled_rating

TURNS = {
    "Ses01F_impro01_F000": "neu\t[2.5000, 2.5000, 2.5000]",
    "Ses01F_impro01_M000": "ang\t[1.0000, 5.0000, 4.0000]",
    "Ses01F_impro01_M001": "xxx\t[3.0000, 3.0000, 3.5000]",
    "Ses01F_script01_1_F003": "exc\t[5.5000, 4.5000, 0.5000]",
}


def recording(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(800), 16_000)


def iemocap_session(root: Path, turns: dict[str, str] = TURNS, number: int = 1) -> Path:
    """A session with its evaluations as published: a header, then a line and the raters' own lines for each turn."""
    session = root / "iemocap" / f"Session{number}"
    evaluations = session / "dialog" / "EmoEvaluation"
    (evaluations / "Categorical").mkdir(parents=True)
    (evaluations / "Categorical" / "Ses01F_impro01_e1_cat.txt").write_text("Ses01F_impro01_F000 :Happiness; ()\n")
    (evaluations / "._Ses01F_impro01.txt").write_bytes(b"\x00\x05macOS")
    texts: dict[str, str] = {}
    for name, evaluation in turns.items():
        dialogue = name.rpartition("_")[0]
        text = texts.setdefault(dialogue, "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n")
        raters = "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t(caf\xe9)\n\n"
        texts[dialogue] = f"{text}[6.2901 - 8.2357]\t{name}\t{evaluation}\n{raters}"
        recording(session / "sentences" / "wav" / dialogue / f"{name}.wav")
    for dialogue, text in texts.items():
        (evaluations / f"{dialogue}.txt").write_text(text, encoding="latin-1")
    return session


def test_iemocap(tmp_path):
    iemocap_session(tmp_path)
    iemocap_session(tmp_path, {"Ses05M_script03_2_M000": "fru\t[2.0000, 4.0000, 3.0000]"}, number=5)
    utterances = read_corpus("iemocap", tmp_path)
    assert [(u.path.stem, u.speaker, u.label, u.gender, u.split) for u in utterances] == [
        ("Ses01F_impro01_F000", "iemocap/Ses01F", "neutral", "female", "Session1"),
        ("Ses01F_impro01_M000", "iemocap/Ses01M", "anger", "male", "Session1"),
        ("Ses01F_impro01_M001", "iemocap/Ses01M", None, "male", "Session1"),
        ("Ses01F_script01_1_F003", "iemocap/Ses01F", "happiness", "female", "Session1"),
        ("Ses05M_script03_2_M000", "iemocap/Ses05M", None, "male", "Session5"),
    ]
    assert [(u.valence, u.arousal, u.dominance) for u in utterances] == [
        (-0.25, -0.25, -0.25),
        (-1.0, 1.0, 0.5),
        (0.0, 0.0, 0.25),
        (1.0, 0.75, -1.0),  # half a point beyond the scale counts as its end
        (-0.5, 0.5, 0.0),
    ]
    assert {(u.start, u.end) for u in utterances} == {(None, None)}


@pytest.mark.parametrize(
    ("code", "label"),
    [("hap", "happiness"), ("exc", "happiness"), ("sad", "sadness"), ("fea", "fear"), ("sur", "surprise"),
     ("dis", "disgust"), ("oth", None), ("fru", None)],
)  # fmt: skip
def test_iemocap_codes(tmp_path, code, label):
    iemocap_session(tmp_path, {"Ses01F_impro01_F000": f"{code}\t[3.0000, 3.0000, 3.0000]"})
    (utterance,) = read_corpus("iemocap", tmp_path)
    assert utterance.label == label


@pytest.mark.parametrize(
    ("name", "evaluation", "fault"),
    [
        ("Ses01F_impro01_F000", "bem\t[3.0000, 3.0000, 3.0000]", r"F000 \(bem\) is not a turn of IEMOCAP; expected"),
        ("Ses09F_impro01_F000", "neu\t[3.0000, 3.0000, 3.0000]", r"Ses09F_impro01_F000 \(neu\) is not a turn"),
        ("Ses01F_impro01_F000", "neu\t[3.0000, 9.0000, 3.0000]", r"'9\.0000' is not on the published scale of 1 to 5"),
        ("Ses01F_impro01_F000", "neu\t[3.0000, 3.0000]", "has 2 ratings"),
    ],
)
def test_iemocap_turns_of_another_form_are_refused(tmp_path, name, evaluation, fault):
    iemocap_session(tmp_path, {name: evaluation})
    with pytest.raises(CorpusError, match=fault) as caught:
        read_corpus("iemocap", tmp_path)
    assert "\n" not in str(caught.value)


def test_iemocap_without_a_recording_or_evaluations(tmp_path):
    session = iemocap_session(tmp_path)
    (session / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_M001.wav").unlink()
    with pytest.raises(CorpusError, match=r"lacks 1 evaluated turns, the first is Ses01F_impro01_M001\.wav"):
        read_corpus("iemocap", tmp_path)
    for table in (session / "dialog" / "EmoEvaluation").glob("Ses*.txt"):
        table.unlink()
    with pytest.raises(CorpusError, match=r"EmoEvaluation: no evaluated turns in \*\.txt; expected folders Session1"):
        read_corpus("iemocap", tmp_path)


MSP_HEADER = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
MSP_ROWS = (
    "MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1",
    "MSP-PODCAST_0001_0009.wav,H,7,5.5,1,39,Female,Train",
    "MSP-PODCAST_0002_0033.wav,X,4.0,1.0,4.0,Unknown,Unknown,Train",
    "MSP-PODCAST_0003_0001.wav,C,3.25,2.5,4,Unknown,Unknown,Development",
)


def msp_tree(root: Path, *rows: str, table: str = "Labels/labels_consensus.csv", header: str = MSP_HEADER) -> Path:
    folder = root / "msp-podcast"
    (folder / table).parent.mkdir(parents=True, exist_ok=True)
    (folder / table).write_text("\n".join((header, *rows)) + "\n")
    for row in MSP_ROWS:
        recording(folder / "Audios" / row.partition(",")[0])
    return folder


@pytest.mark.parametrize(
    "table", ["Labels/labels_consensus.csv", "Labels/labels_concensus.csv", "labels_consensus.csv"]
)
def test_msp_podcast(tmp_path, table):
    msp_tree(tmp_path, *MSP_ROWS, table=table)
    utterances = read_corpus("msp-podcast", tmp_path)
    assert [(u.path.stem[-9:], u.speaker, u.label, u.gender, u.split) for u in utterances] == [
        ("0001_0008", "msp-podcast/30", "neutral", "male", "Test1"),
        ("0001_0009", "msp-podcast/39", "happiness", "female", "Train"),
        ("0002_0033", "msp-podcast/unnamed", None, None, "Train"),
        ("0003_0001", "msp-podcast/unnamed", None, None, "Development"),
    ]
    assert [(u.arousal, u.valence, u.dominance) for u in utterances] == [
        (pytest.approx(-0.6), 0.0, pytest.approx(-1.4 / 3)),
        (1.0, 0.5, -1.0),
        (0.0, -1.0, 0.0),
        (-0.25, -0.5, 0.0),
    ]


@pytest.mark.parametrize(
    ("letter", "label"),
    [("A", "anger"), ("S", "sadness"), ("H", "happiness"), ("U", "surprise"), ("F", "fear"), ("D", "disgust"),
     ("N", "neutral"), ("C", None), ("O", None), ("X", None)],
)  # fmt: skip
def test_msp_podcast_letters(tmp_path, letter, label):
    msp_tree(tmp_path, f"MSP-PODCAST_0001_0008.wav,{letter},,,,30,Male,Test1")
    (utterance,) = read_corpus("msp-podcast", tmp_path)
    assert (utterance.label, utterance.arousal, utterance.valence, utterance.dominance) == (label, None, None, None)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("MSP-PODCAST_0001_0008.wav,Z,4,4,4,30,Male,Test1", "has the class 'Z'; expected one of A, S, H"),
        ("MSP-PODCAST_0001_0008.wav,N,4,4,4,30,M?,Test1", r"has the gender 'M\?'"),
        ("MSP-PODCAST_0001_0008.wav,N,four,4,4,30,Male,Test1", "the rating 'four' is not on the published scale"),
        ("MSP-PODCAST_0001_0008.wav,N,4,80,4,30,Male,Test1", "the rating '80' is not on the published scale of 1 to 7"),
        (
            "MSP-PODCAST_9999_0001.wav,N,4,4,4,30,Male,Test1",
            r"lacks 1 of the files in labels_consensus\.csv, the first",
        ),
    ],
)
def test_msp_podcast_rows_that_do_not_fit_are_refused(tmp_path, row, fault):
    msp_tree(tmp_path, row)
    with pytest.raises(CorpusError, match=fault) as caught:
        read_corpus("msp-podcast", tmp_path)
    assert "\n" not in str(caught.value)


def test_msp_podcast_without_a_column(tmp_path):
    msp_tree(tmp_path, header="FileName,EmoClass")
    with pytest.raises(CorpusError, match="no column EmoAct; expected Labels/labels_consensus"):
        read_corpus("msp-podcast", tmp_path)


@pytest.mark.parametrize(("text", "scaled"), [("1", -1.0), ("4", 0.0), ("7", 1.0), ("5.5", 0.5), (" ", None)])
def test_ratings_map_the_scale_to_the_range(text, scaled):
    assert scaled_rating(text, 1, 7, "here") == scaled


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "x"])
def test_ratings_off_the_scale_are_refused(text):
    with pytest.raises(CorpusError, match="here: the rating"):
        scaled_rating(text, 1, 7, "here")
