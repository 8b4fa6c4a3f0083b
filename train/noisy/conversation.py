"""Long clips: several speakers and emotions in turn, pauses, noise that changes, and a timeline of what is true.

Everything is played through one loudspeaker in one room, as the paper's corpus was. The level of the noise is set for
each part of it against the speech of the whole clip; the timeline has the ratio that each stretch came to.
"""

from __future__ import annotations

import csv
import io
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.bench.timeline import COLUMNS, PAUSE, Stretch
from edge_app.core.types import Floats, samples, seconds
from edge_app.errors import CorpusError, OutputError
from train.corpora import Utterance, read_utterance
from train.noise import rms
from train.noisy.build import METHOD, read_how, write_flac, write_whole
from train.noisy.material import NoiseMaker, NoiseMaterial, check_rate
from train.noisy.places import CONDITIONS, PLACES, ROOMS, draw_place
from train.noisy.receiver import draw_device
from train.noisy.recording import FADE, LEAD, Part, Recording, check_speech, record
from train.noisy.sides import SIDES, Side

SPEAKERS = 4
TURN = (4.0, 10.0)
"""Seconds of speech after which a turn is over, from and to."""

GAP = (0.15, 0.4)
"""Seconds between what somebody says and what they say next, in the same turn."""

PAUSES = (0.6, 2.5)
LONG_PAUSES = (3.0, 6.0)
LONG_PAUSE_SHARE = 0.15
SAME_EMOTION_SHARE = 0.2
"""Share of turns in which the emotion goes on, with another speaker."""

NOISE_LASTS = (15.0, 30.0)
MARGIN = samples(0.05)


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """What long clips are made of.

    Attributes:
        corpus: whose utterances.
        labels: emotions that are heard.
        minutes: length of each.
        side: whose noise and rooms.
        receiver: one of :data:`train.noisy.places.RECEIVERS`.
        kinds: keys of :data:`train.noisy.material.KINDS`, each in turn.
        seed: of everything drawn.
    """

    corpus: str
    labels: tuple[str, ...]
    minutes: float
    side: Side
    receiver: str
    kinds: tuple[str, ...]
    seed: int

    def tag(self, material: NoiseMaterial) -> dict[str, Any]:
        """What a file's comment says of it, and of what noise was made of."""
        lists = {"labels": list(self.labels), "kinds": list(self.kinds)}
        return {"method": METHOD, **asdict(self), **lists, "noise": material.checksum}


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks, in one emotion, between two samples of the clip."""

    start: int
    stop: int
    speaker: str
    emotion: str


def record_clips(
    utterances: Sequence[Utterance],
    plan: ClipPlan,
    material: NoiseMaterial,
    count: int,
    output: Path,
    stop: threading.Event,
) -> Iterator[tuple[Path, float]]:
    """Record the clips that are not there yet.

    Args:
        utterances: what is said, all of it with a label of the plan.
        plan: in which way.
        material: what noise is made of.
        count: how many clips.
        output: their folder.
        stop: ends it after the clip at work.

    Yields:
        Each clip's file, and the seconds that it took.

    Raises:
        ConfigurationError: there are clips of another plan.
        CorpusError: too few recordings, or one that cannot be used.
        OutputError: a file cannot be written.
        KeyboardInterrupt: ``stop`` was set.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: {(error.strerror or str(error)).lower()}; choose another --output") from None
    tag = plan.tag(material)
    for number in range(count):
        if stop.is_set():
            raise KeyboardInterrupt
        began = time.monotonic()
        path = output / f"{plan.corpus}-{number}.flac"
        table = path.with_suffix(".csv")
        if read_how(path, tag) is None or not table.is_file():
            recording, timeline = record_clip(utterances, plan, material, number)
            write_whole(table, as_csv(timeline).encode())
            write_flac(path, recording.samples, tag, {"clipped": recording.clipped})
        yield path, time.monotonic() - began


def record_clip(
    utterances: Sequence[Utterance], plan: ClipPlan, material: NoiseMaterial, number: int
) -> tuple[Recording, list[Stretch]]:
    """Record one clip, and say what is true of it.

    Raises:
        CorpusError: too few recordings, or one that cannot be used.
    """
    rng = np.random.default_rng([plan.seed, SIDES.index(plan.side), zlib.crc32(plan.corpus.encode()), number, 1])
    speech, turns = converse(utterances, samples(60 * plan.minutes), rng)
    condition = CONDITIONS["5dB"]  # for the distances; the level of the noise changes
    place = draw_place(plan.receiver, condition, plan.side, plan.seed, int(rng.integers(ROOMS * PLACES)))
    device = draw_device(plan.receiver, rng)
    maker = NoiseMaker(material, rng)
    parts, kinds = _surround(maker, plan.kinds, len(speech), rng)
    recording = record(speech, parts, place, device, rng)
    return recording, _timeline(recording, turns, parts, kinds)


def converse(utterances: Sequence[Utterance], length: int, rng: np.random.Generator) -> tuple[Floats, list[Turn]]:
    """Let people speak in turn.

    Args:
        utterances: what they may say; none is heard twice.
        length: samples of the clip.
        rng: where the chance comes from.

    Returns:
        float32, shape (length,), and who speaks when. Each speaker keeps the relations between their levels.

    Raises:
        CorpusError: there are too few speakers, emotions or utterances.
    """
    people = sorted({utterance.speaker for utterance in utterances})
    chosen = sorted(rng.permutation(people)[:SPEAKERS]) if people else []
    left: dict[tuple[str, str], list[Utterance]] = {}
    for at in rng.permutation(len(utterances)):
        utterance = utterances[at]
        if utterance.speaker in chosen and utterance.label is not None:
            left.setdefault((utterance.speaker, utterance.label), []).append(utterance)
    if len(chosen) < 2 or len({label for _, label in left}) < 2:
        raise CorpusError("a conversation needs two speakers and two emotions; choose another --corpus or more --label")
    levels: dict[str, float] = {}
    speech = np.zeros(length, dtype=np.float32)
    turns: list[Turn] = []
    at = samples(rng.uniform(*PAUSES))
    while True:
        speaker, emotion = _next_turn(left, turns, rng)
        start = end = at
        wanted = at + samples(rng.uniform(*TURN))
        while at < wanted and left[speaker, emotion]:
            said = _spoken_part(left[speaker, emotion].pop())
            if at + len(said) > length:
                return speech, _with_turn(turns, Turn(start, end, speaker, emotion))
            said = said * np.float32(0.1 / levels.setdefault(speaker, rms(said)))
            speech[at : at + len(said)] = said
            end = at + len(said)
            at = end + samples(rng.uniform(*GAP))
        turns = _with_turn(turns, Turn(start, end, speaker, emotion))
        lasts = LONG_PAUSES if rng.random() < LONG_PAUSE_SHARE else PAUSES
        at = end + samples(rng.uniform(*lasts))


def as_csv(timeline: Sequence[Stretch]) -> str:
    """A timeline as :mod:`edge_app.bench.timeline` reads it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for stretch in timeline:
        snr = "" if stretch.snr is None else f"{stretch.snr:.2f}"
        writer.writerow(
            (f"{stretch.start:.4f}", f"{stretch.end:.4f}", stretch.speaker, stretch.emotion, stretch.noise, snr)
        )
    return text.getvalue()


def _next_turn(
    left: dict[tuple[str, str], list[Utterance]], turns: Sequence[Turn], rng: np.random.Generator
) -> tuple[str, str]:
    """Who speaks next and in which emotion: mostly another emotion than before, and always another of the two."""
    able = sorted(key for key, said in left.items() if said)
    if turns:
        speaker, emotion = turns[-1].speaker, turns[-1].emotion
        same = rng.random() < SAME_EMOTION_SHARE
        fitting = [key for key in able if (key[1] == emotion and key[0] != speaker if same else key[1] != emotion)]
        able = fitting or [key for key in able if key != (speaker, emotion)]
    if not able:
        raise CorpusError("too few utterances for so long a clip, as none is heard twice; make it shorter")
    return able[rng.integers(len(able))]


def _with_turn(turns: Sequence[Turn], turn: Turn) -> list[Turn]:
    return [*turns, turn] if turn.stop > turn.start else list(turns)


def _spoken_part(utterance: Utterance) -> Floats:
    """An utterance from its first to its last speech, with a little on either side, faded there."""
    check_rate(utterance.path)
    whole = read_utterance(utterance)
    try:
        spoken = np.flatnonzero(check_speech(whole))
    except CorpusError as error:
        raise CorpusError(f"{utterance.path}: {error}") from None
    said = whole[max(spoken[0] - MARGIN, 0) : spoken[-1] + 1 + MARGIN].copy()
    ramp = np.linspace(0, 1, min(MARGIN, len(said)), dtype=np.float32)
    said[: len(ramp)] *= ramp
    said[-len(ramp) :] *= ramp[::-1]
    return said


def _surround(
    maker: NoiseMaker, kinds: Sequence[str], length: int, rng: np.random.Generator
) -> tuple[list[Part], list[str]]:
    """Noise for a whole clip: kinds in turn, at ratios drawn from the paper's conditions."""
    ratios = [condition.snr for condition in CONDITIONS.values() if np.isfinite(condition.snr)]
    parts: list[Part] = []
    heard: list[str] = []
    order: list[str] = []
    at = 0
    while at < length:
        order = order or [str(kind) for kind in rng.permutation(kinds)]
        stop = at + samples(rng.uniform(*NOISE_LASTS))
        stop = length if length - stop < samples(NOISE_LASTS[0]) else stop
        noise = maker.make(order.pop(), LEAD + FADE + stop - at)
        parts.append(Part(noise.samples, at, stop, float(rng.choice(ratios))))
        heard.append(noise.kind)
        at = stop
    return parts, heard


def _timeline(
    recording: Recording, turns: Sequence[Turn], parts: Sequence[Part], kinds: Sequence[str]
) -> list[Stretch]:
    edges = {0, len(recording.samples)} | {edge for turn in turns for edge in (turn.start, turn.stop)}
    edges |= {part.start for part in parts}
    stretches = []
    for start, stop in pairwise(sorted(edges)):
        turn = next((turn for turn in turns if turn.start <= start < turn.stop), None)
        kind = next(kind for part, kind in zip(parts, kinds, strict=True) if part.start <= start < part.stop)
        snr = recording.snr(start, stop) if turn is not None else None
        speaker, emotion = (turn.speaker, turn.emotion) if turn is not None else ("", PAUSE)
        stretches.append(Stretch(seconds(start), seconds(stop), speaker, emotion, kind, snr))
    return stretches
