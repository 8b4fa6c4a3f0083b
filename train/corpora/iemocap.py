"""IEMOCAP: ten actors in five dialogues of two, scripted and improvised English, emotions and ratings by listeners."""

from __future__ import annotations

import re
from pathlib import Path

from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.corpora.layout import required_audio
from train.corpora.ratings import scaled_rating
from train.corpora.utterance import Corpus, Utterance

EMOTIONS = {
    "ang": "anger",
    "hap": "happiness",
    "exc": "happiness",
    "sad": "sadness",
    "neu": "neutral",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "fru": None,
    "oth": None,
    "xxx": None,
}
"""Excitement counts as happiness, as is common; frustration, other and no agreement have no label here."""

GENDERS = {"M": "male", "F": "female"}
SCALE = (1.0, 5.0)
SESSIONS = tuple(f"Session{number}" for number in range(1, 6))
TURN = re.compile(r"\[[\d.]+ - [\d.]+\]\t(?P<name>\S+)\t(?P<emotion>\w+)\t\[(?P<ratings>[^\]]*)\]")
NAME = re.compile(r"(?P<dialogue>(?P<session>Ses0[1-5])[MF]_\w+)_(?P<gender>[MF])\w+")
LAYOUT = (
    "folders Session1 to Session5, with sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav and "
    "dialog/EmoEvaluation/Ses01F_impro01.txt"
)


def read(folder: Path) -> list[Utterance]:
    """Read the folder of the corpus; sessions that are not there are left out.

    Raises:
        CorpusError: no sessions, one without recordings or evaluations, a turn with another form of name, an unknown
            emotion or a rating off the scale, or one whose recording is missing.
    """
    sessions = [folder / name for name in SESSIONS if (folder / name).is_dir()]
    if not sessions:
        raise CorpusError(f"{folder}: no Session1 to Session5 in it; expected {LAYOUT}")
    return [utterance for session in sessions for utterance in _session(session)]


def _session(session: Path) -> list[Utterance]:
    files = {path.stem: path for path in required_audio(session / "sentences" / "wav", LAYOUT, recursive=True)}
    evaluations = session / "dialog" / "EmoEvaluation"
    tables = sorted(path for path in evaluations.glob("*.txt") if not path.name.startswith("."))
    turns = [(table, found) for table in tables for found in TURN.finditer(table.read_text("utf-8", "replace"))]
    if not turns:
        raise CorpusError(f"{evaluations}: no evaluated turns in *.txt; expected {LAYOUT}")
    lost = [turn["name"] for _, turn in turns if turn["name"] not in files]
    if lost:
        raise CorpusError(f"{session}: sentences/wav lacks {len(lost)} evaluated turns, the first is {lost[0]}.wav")
    utterances = [_utterance(table, turn, files[turn["name"]], session.name) for table, turn in turns]
    return sorted(utterances, key=lambda utterance: utterance.path)


def _utterance(table: Path, turn: re.Match[str], path: Path, session: str) -> Utterance:
    name = NAME.fullmatch(turn["name"])
    if name is None or turn["emotion"] not in EMOTIONS:
        raise CorpusError(f"{table}: {turn['name']} ({turn['emotion']}) is not a turn of IEMOCAP; expected {LAYOUT}")
    ratings = turn["ratings"].split(",")
    if len(ratings) != 3:
        found = counted(len(ratings), "rating")
        raise CorpusError(f"{table}: {turn['name']} has {found}; expected valence, arousal, dominance")
    valence, arousal, dominance = (scaled_rating(text, *SCALE, f"{table}: {turn['name']}") for text in ratings)
    return Utterance(
        path=path,
        corpus=CORPUS.name,
        speaker=f"{CORPUS.name}/{name['session']}{name['gender']}",
        language=CORPUS.language,
        label=EMOTIONS[turn["emotion"]],
        gender=GENDERS[name["gender"]],
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        split=session,
    )


CORPUS = Corpus(
    name="iemocap",
    folder="iemocap",
    layout=LAYOUT,
    language="en",
    licence="research only, under its own agreement",
    shippable="research only",
    citation="Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee and Narayanan, IEMOCAP: interactive emotional "
    "dyadic motion capture database, Language Resources and Evaluation 42, 2008",
    read=read,
)
