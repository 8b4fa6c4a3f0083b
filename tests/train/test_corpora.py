"""Every reader on a small fake tree of the published layout."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_app.core.labels import LABELS
from edge_app.errors import AudioFormatError, CorpusError
from train.corpora import CORPORA, Utterance, find_corpus, read_corpus, read_utterance
from train.corpora.audio import read_audio
from train.data import data_root

RAVDESS = ("03-01-01-01-01-01-01.wav", "03-01-06-02-02-01-01.wav")
NEMO_HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"
NEMO_ROWS = (
    'WR0_surprised_64.wav\tsurprised\tUcho "wykrywa.\tucho\t        WR0\tmale\t23',
    "EB0_neutral_13.wav\tneutral\tInteresuje.\tinteresuje\t        EB0\tfemale\t27",
)


def tone(path: Path, seconds: float = 0.05, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, samples, rate)
    return path


def nemo_tree(folder: Path, rows: tuple[str, ...] = NEMO_ROWS, suffix: str = ".wav") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.tsv").write_text("\n".join((NEMO_HEADER, *rows)) + "\n", encoding="utf-8")
    for stem in ("WR0_surprised_64", "EB0_neutral_13"):
        tone(folder / "samples" / f"{stem}{suffix}")
    return folder


def urdu_tree(folder: Path) -> Path:
    tone(folder / "Angry" / "SM1_F10_A010.wav")
    tone(folder / "Happy" / "SF1_F10_H010.wav")
    tone(folder / "Neutral" / "SM5_F9_N037.flac")
    tone(folder / "Sad" / "SM6_F4_S0100.wav")
    return folder


@pytest.mark.parametrize("inner", ["", "wav"])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_emodb_flat_and_as_in_the_public_archive(tmp_path, inner, suffix):
    folder = tmp_path / "emodb" / inner
    for stem in ("03a01Fa", "16b10Wb", "08a02Lc"):
        tone(folder / f"{stem}{suffix}")
    (folder / "._03a01Fa.wav").write_bytes(b"macOS")
    (folder / "erkennung.txt").write_text("not audio")
    found = {u.path.stem: (u.speaker, u.label, u.gender, u.language) for u in read_corpus("emodb", tmp_path)}
    assert found == {
        "03a01Fa": ("emodb/03", "happiness", "male", "de"),
        "16b10Wb": ("emodb/16", "anger", "female", "de"),
        "08a02Lc": ("emodb/08", "boredom", "female", "de"),
    }


@pytest.mark.parametrize("stem", ["03a01Xa", "99a01Fa", "recording"])
def test_emodb_names_of_another_form_are_refused(tmp_path, stem):
    tone(tmp_path / "emodb" / "03a01Fa.wav")
    tone(tmp_path / "emodb" / f"{stem}.wav")
    with pytest.raises(CorpusError, match=f"{stem}.wav is not a name of EMO-DB; expected files like"):
        read_corpus("emodb", tmp_path)


@pytest.mark.parametrize("inner", ["", "Audio_Speech_Actors_01-24"])
def test_ravdess(tmp_path, inner):
    for actor in ("01", "02"):
        for name in RAVDESS:
            tone(tmp_path / "ravdess" / inner / f"Actor_{actor}" / name.replace("-01.wav", f"-{actor}.wav"))
    found = {u.path.stem: (u.speaker, u.label, u.gender) for u in read_corpus("ravdess", tmp_path)}
    assert found["03-01-01-01-01-01-01"] == ("ravdess/01", "neutral", "male")
    assert found["03-01-06-02-02-01-02"] == ("ravdess/02", "fear", "female")
    assert len(found) == 4


def test_ravdess_reads_the_duplicate_once_and_no_song(tmp_path):
    actor = tmp_path / "ravdess" / "Actor_07"
    for stem in ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07", "03-02-03-01-02-01-07"):
        tone(actor / f"{stem}.wav")
    assert [u.path.stem for u in read_corpus("ravdess", tmp_path)] == ["03-01-03-01-02-01-07"]


def test_ravdess_with_song_only_is_refused(tmp_path):
    tone(tmp_path / "ravdess" / "Actor_01" / "03-02-03-01-02-01-01.wav")
    with pytest.raises(CorpusError, match="only sung recordings"):
        read_corpus("ravdess", tmp_path)


@pytest.mark.parametrize("stem", ["03-01-09-01-01-01-01", "01-01-01-01-01-01-01", "hello"])
def test_ravdess_names_of_another_form_are_refused(tmp_path, stem):
    tone(tmp_path / "ravdess" / "Actor_01" / f"{stem}.wav")
    with pytest.raises(CorpusError, match=f"{stem}.wav is not a name of RAVDESS"):
        read_corpus("ravdess", tmp_path)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus"])
def test_nemo_whatever_the_suffix_on_disk(tmp_path, suffix):
    if suffix == ".opus":
        nemo_tree(tmp_path / "nemo", suffix=".wav")
        for path in (tmp_path / "nemo" / "samples").iterdir():
            path.rename(path.with_suffix(".opus"))
    else:
        nemo_tree(tmp_path / "nemo", suffix=suffix)
    found = {u.path.name: (u.speaker, u.label, u.gender) for u in read_corpus("nemo", tmp_path)}
    assert found == {
        f"WR0_surprised_64{suffix}": ("nemo/WR0", "surprise", "male"),
        f"EB0_neutral_13{suffix}": ("nemo/EB0", "neutral", "female"),
    }


def test_nemo_listed_file_that_is_missing(tmp_path):
    folder = nemo_tree(tmp_path / "nemo")
    (folder / "samples" / "EB0_neutral_13.wav").unlink()
    with pytest.raises(
        CorpusError, match=r"samples/ lacks 1 of the files in data\.tsv, the first is EB0_neutral_13\.wav"
    ):
        read_corpus("nemo", tmp_path)


def test_nemo_unknown_emotion(tmp_path):
    nemo_tree(tmp_path / "nemo", (NEMO_ROWS[0].replace("\tsurprised\t", "\tbemused\t"),))
    with pytest.raises(CorpusError, match=r"WR0_surprised_64\.wav has the emotion 'bemused'"):
        read_corpus("nemo", tmp_path)


def test_nemo_without_a_column(tmp_path):
    folder = nemo_tree(tmp_path / "nemo")
    (folder / "data.tsv").write_text("file_id\temotion\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="no column speaker_id"):
        read_corpus("nemo", tmp_path)


def test_urdu(tmp_path):
    urdu_tree(tmp_path / "urdu")
    found = {u.speaker: (u.label, u.gender) for u in read_corpus("urdu", tmp_path)}
    assert found == {
        "urdu/SM1": ("anger", "male"),
        "urdu/SF1": ("happiness", "female"),
        "urdu/SM5": ("neutral", "male"),
        "urdu/SM6": ("sadness", "male"),
    }


def test_urdu_with_a_missing_folder_or_a_foreign_name(tmp_path):
    folder = urdu_tree(tmp_path / "urdu")
    foreign = tone(folder / "Sad" / "clip.wav")
    with pytest.raises(CorpusError, match=r"clip\.wav is not a name of URDU"):
        read_corpus("urdu", tmp_path)
    foreign.unlink()
    (folder / "Sad" / "SM6_F4_S0100.wav").unlink()
    with pytest.raises(CorpusError, match=r"Sad: no \.wav, \.flac, \.opus files; expected folders Angry"):
        read_corpus("urdu", tmp_path)


@pytest.mark.parametrize("inner", ["dev-clean/84/121123", "dev-clean"])
def test_librispeech_as_published_and_with_flat_parts(tmp_path, inner):
    tone(tmp_path / "unlabelled" / "librispeech" / inner / "84-121123-0000.flac")
    (utterance,) = read_corpus("librispeech", tmp_path)
    assert (utterance.speaker, utterance.label, utterance.split) == ("librispeech/84", None, "dev-clean")


def test_barista_speakers_are_never_told_apart(tmp_path):
    for name in ("a.wav", "b.wav"):
        tone(tmp_path / "unlabelled" / "barista" / "clean" / name)
    assert {u.speaker for u in read_corpus("barista", tmp_path)} == {"barista/unnamed"}


@pytest.mark.parametrize("name", CORPORA)
def test_an_empty_folder_is_one_error_that_names_it_and_what_was_expected(tmp_path, name):
    folder = tmp_path / CORPORA[name].folder
    folder.mkdir(parents=True)
    with pytest.raises(CorpusError, match=re.escape(str(folder))) as caught:
        read_corpus(name, tmp_path)
    assert CORPORA[name].layout in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CORPORA)
def test_a_root_without_the_corpus(tmp_path, name):
    with pytest.raises(CorpusError, match=re.escape(f"{tmp_path}: no folder {CORPORA[name].folder}/ in it")) as caught:
        read_corpus(name, tmp_path)
    assert CORPORA[name].layout in str(caught.value)


def test_the_root_may_be_the_corpus_itself(tmp_path):
    urdu_tree(tmp_path / "download")
    assert len(read_corpus("urdu", tmp_path / "download")) == 4


def test_the_same_recording_with_two_suffixes_is_refused(tmp_path):
    tone(tmp_path / "emodb" / "03a01Fa.wav")
    tone(tmp_path / "emodb" / "03a01Fa.flac")
    with pytest.raises(CorpusError, match="the same recording twice"):
        read_corpus("emodb", tmp_path)


def test_unknown_corpus_lists_the_known_ones(tmp_path):
    with pytest.raises(
        CorpusError, match="no corpus 'mosei', nor a folder of that name here; choose from emodb, ravdess"
    ):
        read_corpus("mosei", tmp_path)


@pytest.mark.parametrize("name", CORPORA)
def test_the_table_is_complete(name):
    corpus = find_corpus(name)
    assert corpus.name == name
    assert corpus.licence and corpus.citation and corpus.layout
    assert len(corpus.language) == 2
    assert corpus.shippable in ("any use", "non-commercial", "research only")


def test_data_root_prefers_the_argument_to_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_SER_DATA", str(tmp_path / "elsewhere"))
    assert data_root(tmp_path) == tmp_path
    with pytest.raises(CorpusError, match="EDGE_SER_DATA must be the folder"):
        data_root()
    monkeypatch.setenv("EDGE_SER_DATA", str(tmp_path))
    assert data_root() == tmp_path


def test_data_root_beside_the_checkout_or_an_error_naming_both_ways(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGE_SER_DATA", raising=False)
    monkeypatch.setattr("train.data.BESIDE_CHECKOUT", tmp_path)
    assert data_root() == tmp_path
    monkeypatch.setattr("train.data.BESIDE_CHECKOUT", tmp_path / "none")
    with pytest.raises(CorpusError, match="give --root, or set EDGE_SER_DATA"):
        data_root()


def utterance(path: Path, **changes: float) -> Utterance:
    return Utterance(path=path, corpus="x", speaker="x/1", language="en", **changes)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_audio_is_read_at_16_khz_mono(tmp_path, rate):
    times = np.arange(rate) / rate
    left = 0.5 * np.sin(2 * np.pi * 440 * times)
    soundfile.write(tmp_path / "a.wav", np.stack((left, np.zeros_like(left)), axis=1), rate, subtype="PCM_24")
    samples = read_utterance(utterance(tmp_path / "a.wav"))
    assert samples.dtype == np.float32
    assert len(samples) == 16_000
    wanted = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(samples - wanted)[400:-400].max() < 1e-3


def test_a_stretch_of_a_file(tmp_path, rng):
    whole = rng.uniform(-0.5, 0.5, 16_000)
    soundfile.write(tmp_path / "a.wav", whole, 16_000, subtype="FLOAT")
    path = tmp_path / "a.wav"
    np.testing.assert_allclose(read_utterance(utterance(path, start=0.25, end=0.5)), whole[4000:8000], atol=1e-7)
    np.testing.assert_allclose(read_utterance(utterance(path, start=0.75)), whole[12000:], atol=1e-7)
    np.testing.assert_allclose(read_utterance(utterance(path, end=0.125)), whole[:2000], atol=1e-7)
    with pytest.raises(AudioFormatError, match="starts at 2 s, but the file ends at 1 s"):
        read_utterance(utterance(path, start=2))


def test_files_that_are_not_audio(tmp_path):
    (tmp_path / "text.wav").write_text("hello")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "cut.wav", np.zeros(16_000), 16_000, subtype="PCM_16")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:44])
    for name, reason in {
        "text.wav": "cannot be read as audio",
        "empty.wav": "no audio",
        "nan.wav": "not numbers",
        "missing.wav": "cannot be read",
        "cut.wav": "truncated, its header promises 1.00 s and 0.00 s are there",
    }.items():
        with pytest.raises(AudioFormatError, match=f"{name}.*{reason}") as caught:
            read_audio(tmp_path / name)
        assert "\n" not in str(caught.value)


COUNTS = {
    "emodb": (535, 10, {"anger": 127, "boredom": 81, "neutral": 79, "happiness": 71, "fear": 69, "sadness": 62}),
    "ravdess": (1439, 24, {"neutral": 96, "calm": 192, "happiness": 191, "surprise": 192}),
    "nemo": (4481, 9, {"neutral": 809, "sadness": 769, "happiness": 749, "anger": 749, "fear": 736, "surprise": 669}),
    "urdu": (400, 29, {"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100}),
    "librispeech": (351, 261, {None: 351}),
    "barista": (619, 1, {None: 619}),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", COUNTS)
def test_real_corpora(corpora, name):
    utterances = read_corpus(name, corpora)
    files, speakers, labels = COUNTS[name]
    counted = Counter(u.label for u in utterances)
    assert len(utterances) == files
    assert len({u.speaker for u in utterances}) == speakers
    assert {label: counted[label] for label in labels} == labels
    assert {u.label for u in utterances} <= {*LABELS, None}
    assert all(u.speaker.startswith(f"{name}/") and u.speaker == u.speaker.strip() for u in utterances)
    assert len({u.path for u in utterances}) == files
    for one in utterances[:: max(1, files // 3)]:
        samples = read_utterance(one)
        assert samples.dtype == np.float32
        assert len(samples) > 8000
        assert np.abs(samples).max() <= 1


@pytest.mark.corpus
def test_speakers_of_different_corpora_are_different_people(corpora):
    seen: set[str] = set()
    for name in COUNTS:
        speakers = {u.speaker for u in read_corpus(name, corpora)}
        assert not speakers & seen
        seen |= speakers


@pytest.mark.corpus
def test_the_recording_of_ravdess_left_out_is_indeed_a_duplicate(corpora):
    actor = corpora / "ravdess" / "Actor_07"
    kept, dropped = (next(actor.glob(f"03-01-03-01-02-{take}-07.*")) for take in ("01", "02"))
    assert np.array_equal(read_audio(kept), read_audio(dropped))


def test_any_folder_of_recordings_is_an_unlabelled_corpus(tmp_path):
    (tmp_path / "talk" / "deep").mkdir(parents=True)
    for name in ("talk/b.wav", "talk/deep/a.flac"):
        soundfile.write(tmp_path / name, np.zeros(1600), 16000)
    utterances = read_corpus(str(tmp_path / "talk"))
    assert [utterance.path.name for utterance in utterances] == ["b.wav", "a.flac"]
    assert {(u.corpus, u.speaker, u.label) for u in utterances} == {("talk", "talk/unnamed", None)}
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="expected audio files"):
        read_corpus(str(tmp_path / "empty"))
    with pytest.raises(CorpusError, match=f"^{tmp_path}/gone: no such folder; check the path"):
        read_corpus(str(tmp_path / "gone"))
    with pytest.raises(CorpusError, match=r"b\.wav: neither a folder of recordings nor a manifest"):
        read_corpus(str(tmp_path / "talk" / "b.wav"))


@pytest.mark.parametrize(
    ("text", "licence", "shippable"),
    [
        (b"CC-BY-4.0\n", "CC-BY-4.0", "any use"),
        (b"\xef\xbb\xbf CC-BY-NC-SA-4.0 \r\nby Anna\r\n", "CC-BY-NC-SA-4.0", "non-commercial"),
        (b"ask Anna", "ask Anna", "research only"),
        (b"\n", "not stated", "research only"),
        (b"", "not stated", "research only"),
        (b"\xff\xfe", "not stated", "research only"),
        (None, "not stated", "research only"),
    ],
)
def test_a_folder_of_recordings_may_state_its_licence(tmp_path, text, licence, shippable):
    if text is not None:
        (tmp_path / "LICENCE").write_bytes(text)
    corpus = find_corpus(str(tmp_path))
    assert (corpus.licence, corpus.shippable) == (licence, shippable)


def test_an_utterance_that_ends_after_its_file_is_refused(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(16000), 16000)
    stretch = {"path": tmp_path / "short.wav", "corpus": "made", "speaker": "made/a", "language": "und"}
    assert len(read_utterance(Utterance(**stretch, start=0.5, end=1.01))) == 8000
    with pytest.raises(AudioFormatError, match=r"ends at 9 s, its file at 1 s"):
        read_utterance(Utterance(**stretch, start=0.5, end=9.0))
