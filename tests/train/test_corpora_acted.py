"""Readers of SAVEE, CaFE and AESDD on made trees of the published layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.errors import CorpusError
from train.corpora import read_corpus


def recording(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(800), 16_000)
    return path


def facts(name: str, root: Path) -> dict[str, tuple[str, str | None, str | None]]:
    return {u.path.name: (u.speaker, u.label, u.gender) for u in read_corpus(name, root)}


@pytest.mark.parametrize("inner", ["AudioData", ""])
def test_savee_with_a_folder_for_each_speaker(tmp_path, inner):
    for name in ("DC/a01", "JE/sa02", "JK/su15", "KL/n30"):
        recording(tmp_path / "savee" / inner / f"{name}.wav")
    (tmp_path / "savee" / inner / "Info.txt").write_text("about the corpus")
    assert facts("savee", tmp_path) == {
        "a01.wav": ("savee/DC", "anger", "male"),
        "sa02.wav": ("savee/JE", "sadness", "male"),
        "su15.wav": ("savee/JK", "surprise", "male"),
        "n30.wav": ("savee/KL", "neutral", "male"),
    }


def test_savee_with_the_speaker_in_the_names(tmp_path):
    for name in ("DC_d01", "JE_f02", "KL_h15"):
        recording(tmp_path / "savee" / f"{name}.wav")
    assert facts("savee", tmp_path) == {
        "DC_d01.wav": ("savee/DC", "disgust", "male"),
        "JE_f02.wav": ("savee/JE", "fear", "male"),
        "KL_h15.wav": ("savee/KL", "happiness", "male"),
    }


@pytest.mark.parametrize("name", ["XX/a01", "DC/x01", "DC/a1", "DC_s01", "DC_a01_b"])
def test_savee_names_of_another_form_are_refused(tmp_path, name):
    recording(tmp_path / "savee" / "AudioData" / "DC" / "a02.wav")
    foreign = recording(tmp_path / "savee" / "AudioData" / f"{name}.wav")
    with pytest.raises(CorpusError, match=f"{foreign.name} is not a name of SAVEE; expected files like AudioData"):
        read_corpus("savee", tmp_path)


def test_savee_in_both_layouts_at_once_is_refused(tmp_path):
    recording(tmp_path / "savee" / "AudioData" / "DC" / "a01.wav")
    recording(tmp_path / "savee" / "ALL" / "DC_a01.wav")
    with pytest.raises(CorpusError, match="the same recording twice"):
        read_corpus("savee", tmp_path)


@pytest.mark.parametrize("anger", ["Colère", "Cole\u0300re", "Col#U00e8re"])
def test_cafe_however_the_archiver_left_the_accents(tmp_path, anger):
    for name in (f"{anger}/Fort/01-C-2-1", f"{anger}/Faible/12-C-1-6", "Neutre/03-N-5", "Tristesse/Faible/10-T-1-3"):
        recording(tmp_path / "cafe" / f"{name}.wav")
    (tmp_path / "cafe" / "Readme.txt").write_text("about the corpus")
    assert facts("cafe", tmp_path) == {
        "01-C-2-1.wav": ("cafe/01", "anger", "male"),
        "12-C-1-6.wav": ("cafe/12", "anger", "female"),
        "03-N-5.wav": ("cafe/03", "neutral", "male"),
        "10-T-1-3.wav": ("cafe/10", "sadness", "female"),
    }


@pytest.mark.parametrize(
    ("letter", "label"),
    [("C", "anger"), ("D", "disgust"), ("J", "happiness"), ("P", "fear"), ("S", "surprise"), ("T", "sadness")],
)
def test_cafe_letters(tmp_path, letter, label):
    recording(tmp_path / "cafe" / "Faible" / f"02-{letter}-1-1.wav")
    assert facts("cafe", tmp_path) == {f"02-{letter}-1-1.wav": ("cafe/02", label, "female")}


@pytest.mark.parametrize("stem", ["13-C-1-1", "00-C-1-1", "01-X-1-1", "01-C-3-1", "01-C-1-7", "01-C-1", "1-C-1-1"])
def test_cafe_names_of_another_form_are_refused(tmp_path, stem):
    recording(tmp_path / "cafe" / "Joie" / "Fort" / "01-J-2-1.wav")
    recording(tmp_path / "cafe" / "Joie" / "Fort" / f"{stem}.wav")
    with pytest.raises(CorpusError, match=f"{stem}.wav is not a name of CaFE; expected files like Colère"):
        read_corpus("cafe", tmp_path)


def aesdd_tree(folder: Path) -> Path:
    for name in ("anger/a01 (1)", "disgust/d03 (01)", "fear/f18 (5)b", "happiness/h20 (6)", "sadness/s01 (5)a"):
        recording(folder / f"{name}.wav")
    return folder


def test_aesdd_with_its_irregular_names(tmp_path):
    aesdd_tree(tmp_path / "aesdd")
    (tmp_path / "aesdd" / "Tools and Documentation").mkdir()
    assert facts("aesdd", tmp_path) == {
        "a01 (1).wav": ("aesdd/1", "anger", None),
        "d03 (01).wav": ("aesdd/1", "disgust", None),
        "f18 (5)b.wav": ("aesdd/5", "fear", None),
        "h20 (6).wav": ("aesdd/6", "happiness", None),
        "s01 (5)a.wav": ("aesdd/5", "sadness", None),
    }


@pytest.mark.parametrize("stem", ["d01 (1)", "a01", "a01 (0)", "a1 (1)", "a01(1)"])
def test_aesdd_names_of_another_form_are_refused(tmp_path, stem):
    foreign = recording(aesdd_tree(tmp_path / "aesdd") / "anger" / f"{stem}.wav")
    with pytest.raises(CorpusError, match=r"is not a name of AESDD; expected folders anger, disgust") as caught:
        read_corpus("aesdd", tmp_path)
    assert foreign.name in str(caught.value)


def test_aesdd_without_an_emotion(tmp_path):
    (aesdd_tree(tmp_path / "aesdd") / "fear" / "f18 (5)b.wav").unlink()
    with pytest.raises(CorpusError, match=r"fear: no \.wav, \.flac, \.opus files"):
        read_corpus("aesdd", tmp_path)
