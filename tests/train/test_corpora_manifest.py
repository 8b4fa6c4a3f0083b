from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.errors import CorpusError
from train.corpora import find_corpus, read_corpus


@pytest.fixture
def write(tmp_path):
    """Write a manifest beside two recordings, clips/a.wav and clips/b.flac."""
    (tmp_path / "clips").mkdir()
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / "clips" / name, np.zeros(160), 16_000)

    def write_manifest(text: str, encoding: str = "utf-8") -> str:
        path = tmp_path / "mine.csv"
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write_manifest


def test_the_least_there_must_be(write):
    first, second = read_corpus(write("path,speaker,label\nclips/a.wav,anna,Anger\nclips/b.flac,ben,\n"))
    assert (first.corpus, first.speaker, first.label, first.language) == ("mine", "mine/anna", "anger", "und")
    assert first.path.is_file()
    assert (second.label, second.gender, second.start, second.arousal, second.split) == (None,) * 5


def test_all_columns_in_any_order_with_bom_blanks_and_empty_lines(write):
    text = (
        "label, path ,speaker,Gender,language,start,end,arousal,valence,dominance,split\r\n"
        'happy, clips/a.wav ,"Żaneta, the first",F,pl,0.5,1.25,0.5,-1,1,test\r\n'
        ",,,,,,,,,,\r\n"
    )
    (found,) = read_corpus(write(text, "utf-8-sig"))
    assert (found.label, found.speaker, found.gender) == ("happiness", "mine/Żaneta, the first", "female")
    assert (found.language, found.start, found.end, found.split) == ("pl", 0.5, 1.25, "test")
    assert (found.arousal, found.valence, found.dominance) == (0.5, -1.0, 1.0)


@pytest.mark.parametrize(
    ("licences", "licence", "shippable"),
    [
        (("CC0-1.0", "CC-BY-4.0"), "CC-BY-4.0, CC0-1.0", "any use"),
        (("CC0-1.0", " CC-BY-NC-4.0 "), "CC-BY-NC-4.0, CC0-1.0", "non-commercial"),
        (("CC0-1.0", "ask Anna"), "CC0-1.0, ask Anna", "research only"),
        (("CC0-1.0", ""), "CC0-1.0, not stated", "research only"),
    ],
)
def test_the_strictest_licence_that_is_stated_counts(write, licences, licence, shippable):
    first, second = licences
    name = write(f"path,speaker,label,Licence\nclips/a.wav,x,sad,{first}\nclips/b.flac,x,sad,{second}\n\n")
    assert len(read_corpus(name)) == 2
    corpus = find_corpus(name)
    assert (corpus.licence, corpus.shippable) == (licence, shippable)


def test_without_a_stated_licence_it_is_research_only(write):
    for name in (write("path,speaker,label\nclips/a.wav,x,sad\n"), "nowhere.csv"):
        corpus = find_corpus(name)
        assert (corpus.licence, corpus.shippable) == ("not stated", "research only")


def test_absolute_paths(write, tmp_path):
    (found,) = read_corpus(write(f"path,speaker,label\n{tmp_path / 'clips' / 'a.wav'},x,sad\n"))
    assert found.label == "sadness"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column 'path'"),
        ("path,label\n", "line 1: no column 'speaker'"),
        ("path,speaker,label,arousel\n", "line 1: unknown column 'arousel'; the columns are path"),
        ("path,speaker,label,label\n", "'label' is there twice"),
        ("path,speaker,label\n", "no lines below the header"),
        ("path,speaker,label\nclips/a.wav,x\n", "line 2: 2 cells where the header has 3"),
        ("path,speaker,label\n,x,anger\n", "line 2: path is empty"),
        ("path,speaker,label\nclips/a.wav,,anger\n", "line 2: speaker is empty"),
        ("path,speaker,label\nclips/a.wav,x,anger\nclips/c.wav,x,anger\n", "line 3: no file .*c.wav"),
        ("path,speaker,label\nclips,x,anger\n", "line 2: no file"),
        ("path,speaker,label\nclips/a.wav,x,joyful\n", "line 2: unknown label 'joyful'; choose from neutral, calm, "),
        ("path,speaker,label,gender\nclips/a.wav,x,anger,q\n", "line 2: unknown gender 'q'"),
        ("path,speaker,label,start\nclips/a.wav,x,anger,soon\n", "line 2: start is 'soon', which is not a number"),
        ("path,speaker,label,end\nclips/a.wav,x,anger,nan\n", "line 2: end is 'nan', which is not a number"),
        ("path,speaker,label,start,end\nclips/a.wav,x,anger,2,1\n", "line 2: start 2 and end 1; expected 0 <= start"),
        ("path,speaker,label,start\nclips/a.wav,x,anger,-1\n", "line 2: start -1"),
        ("path,speaker,label,valence\nclips/a.wav,x,anger,4.5\n", r"line 2: valence is 4.5; scale the ratings"),
        ('path,speaker,label\n"clips/a.wav,x,anger\n', "not a CSV file"),
    ],
)
def test_what_is_wrong_and_where(write, text, message):
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(write(text))
    assert "\n" not in str(caught.value)


def test_not_utf8(write):
    with pytest.raises(CorpusError, match="not UTF-8"):
        read_corpus(write("path,speaker,label\nclips/a.wav,Jörg,anger\n", "latin-1"))


def test_missing_manifest(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read"):
        read_corpus(str(tmp_path / "none.csv"))


def test_what_is_known_about_a_manifest(tmp_path):
    corpus = find_corpus(str(Path("somewhere") / "mine.csv"))
    assert (corpus.name, corpus.shippable) == ("mine", "research only")
