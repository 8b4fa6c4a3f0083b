"""Noise that changes: babble, environments, and something like a radio, of recordings that come once in a clip.

``babble``       five people at once, whom nobody labelled, at levels within 6 dB of each other
``environment``  recordings of one class (rain, dogs, ...) after each other, then of the next class
``radio``        one person, over and between recordings of sounds
"""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.ndimage import uniform_filter1d

from edge_app.core.types import SAMPLE_RATE, Floats, samples, seconds
from edge_app.errors import AudioFormatError, CorpusError
from train.corpora import Utterance, read_utterance
from train.corpora.layout import audio_files
from train.noise import SILENCE_RMS, read_noise, rms
from train.noisy.sides import Side, side_of_recording, side_of_speaker

VOICES = 5
LEVELS = 3.0
"""Decibels by which voices, and recordings of an environment, lie above or below their mean level at most."""

FADE = samples(0.05)
EFFECT = (1.0, 4.0)
"""Seconds that a sound on the radio lasts, and that none is heard, from and to."""

STEADY = 0.4
STEADY_FRAME = samples(0.25)
"""A recording whose level, above the lowest frequencies, varies by less than so many decibels is left out."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A stretch of noise.

    Attributes:
        samples: float32, shape (n,), root mean square about 0.1.
        kind: a key of ``KINDS``.
        sources: names of the recordings it is made of, each once.
    """

    samples: Floats
    kind: str
    sources: tuple[str, ...]


class NoiseMaterial:
    """What noise can be made of on one side.

    Args:
        side: whose noise.
        speakers: utterances of people whom nobody labelled.
        folder: recordings of noise, in folders that are classes; None for none.

    Raises:
        CorpusError: nothing is left on this side.
    """

    def __init__(self, side: Side, speakers: Sequence[Utterance], folder: Path | None) -> None:
        self.side = side
        self.spoken: dict[str, list[Utterance]] = {}
        for utterance in speakers:
            if side_of_speaker(utterance.speaker, utterance.split) == side:
                self.spoken.setdefault(utterance.speaker, []).append(utterance)
        self.sounds: dict[str, list[Path]] = {}
        for path in audio_files(folder, recursive=True) if folder is not None and folder.is_dir() else []:
            if side_of_recording(path.stem) == side:
                self.sounds.setdefault(path.parent.name, []).append(path)
        if folder is not None and not self.sounds:
            raise CorpusError(f"{folder}: no recordings of noise on the {side} side; give another folder to --noise")

    @property
    def checksum(self) -> str:
        """Of the names of all recordings, on which what is drawn depends."""
        spoken = {person: [u.path.stem for u in utterances] for person, utterances in self.spoken.items()}
        sounds = {name: [path.stem for path in paths] for name, paths in self.sounds.items()}
        return f"{zlib.crc32(json.dumps([spoken, sounds], sort_keys=True).encode()):08x}"


class NoiseMaker:
    """Makes the noise of one clip; what has been heard in it does not come again.

    Args:
        material: what it is made of.
        rng: where the chance comes from.
    """

    def __init__(self, material: NoiseMaterial, rng: np.random.Generator) -> None:
        self._side = material.side
        self._rng = rng
        self._people = deque(
            [material.spoken[person][number] for number in rng.permutation(len(material.spoken[person]))]
            for person in np.array(sorted(material.spoken), dtype=object)[rng.permutation(len(material.spoken))]
        )
        self._sounds = self._recordings(material)

    def make(self, kind: str, length: int) -> Noise:
        """Make noise.

        Args:
            kind: a key of ``KINDS``.
            length: samples wanted.

        Raises:
            CorpusError: too little is left for so long a clip, or a recording is silent or of too low a rate.
            AudioFormatError: a recording cannot be read.
        """
        total, sources = KINDS[kind](self, length)
        level = rms(total)
        if level < SILENCE_RMS:
            raise CorpusError(f"{', '.join(sources)}: this noise is silent; remove these recordings")
        return Noise((0.1 / level * total).astype(np.float32), kind, tuple(sources))

    def babble(self, length: int) -> tuple[Floats, list[str]]:
        """Several people at once, shape (length,), and the recordings."""
        with ExitStack() as talking:  # all until the end, so that nobody talks to themselves
            people = [talking.enter_context(closing(self._person())) for _ in range(VOICES)]
            voices = [self._joined(person, length, "speech") for person in people]
        return np.sum([self._gain() * voice for voice, _ in voices], axis=0), [s for _, names in voices for s in names]

    def environment(self, length: int) -> tuple[Floats, list[str]]:
        """Recordings one after the other, shape (length,), and which."""
        return self._joined(self._sounds, length, "noise")

    def radio(self, length: int) -> tuple[Floats, list[str]]:
        """One person and sounds that come and go, shape (length,), and the recordings."""
        with closing(self._person()) as person:
            voice, spoken = self._joined(person, length, "speech")
        sound, heard = self._joined(self._sounds, length, "noise")
        gate = np.zeros(length, dtype=np.float32)
        at, on = 0, bool(self._rng.integers(2))
        while at < length:
            until = at + samples(self._rng.uniform(*EFFECT))
            gate[at:until] = on
            at, on = until, not on
        return voice + uniform_filter1d(gate, FADE) * sound, spoken + heard

    def _joined(self, supply: Iterator[tuple[str, Floats]], length: int, what: str) -> tuple[Floats, list[str]]:
        """Recordings of a supply after each other, faded into one another, at similar levels."""
        joined = np.zeros(length + 3 * FADE, dtype=np.float32)  # so that the last one is long enough to fade, too
        names: list[str] = []
        at = 0
        ramp = np.linspace(0, 1, FADE, dtype=np.float32)
        while at < length:
            name, piece = next(supply, (None, None))
            if name is None or piece is None:
                raise CorpusError(
                    f"{seconds(at):.1f} s of {what} that is left on the {self._side} side is too short for "
                    f"{seconds(length):.1f} s of noise, and none is heard twice in a clip; give more recordings"
                )
            piece = self._gain() / rms(piece) * piece[: len(joined) - at]
            if len(piece) <= 2 * FADE:
                continue
            piece[:FADE] *= ramp
            piece[-FADE:] *= ramp[::-1]
            joined[at : at + len(piece)] += piece
            names.append(name)
            at += len(piece) - FADE
        return joined[:length], names

    def _gain(self) -> np.float32:
        return np.float32(10 ** (self._rng.uniform(-LEVELS, LEVELS) / 20))

    def _person(self) -> Generator[tuple[str, Floats]]:
        """What somebody says, then what the next one says. Who has not said everything is heard later, after all."""
        while self._people:
            left = self._people.popleft()
            try:
                while left:
                    utterance = left.pop()
                    check_rate(utterance.path)
                    spoken = read_utterance(utterance)
                    if rms(spoken) < SILENCE_RMS:
                        raise CorpusError(f"{utterance.path}: this recording of noise is silent; remove it")
                    yield f"{utterance.corpus}/{utterance.path.stem}", spoken
            finally:
                if left:
                    self._people.append(left)

    def _recordings(self, material: NoiseMaterial) -> Iterator[tuple[str, Floats]]:
        """All recordings of a class, then of another."""
        classes = sorted(material.sounds)
        for number in self._rng.permutation(len(classes)):
            paths = material.sounds[classes[number]]
            for place in self._rng.permutation(len(paths)):
                path = paths[place]
                check_rate(path)
                sound = read_noise(path)
                if not steady(sound):
                    yield f"{path.parent.name}/{path.stem}", sound


KINDS: dict[str, Callable[[NoiseMaker, int], tuple[Floats, list[str]]]] = {
    "babble": NoiseMaker.babble,
    "environment": NoiseMaker.environment,
    "radio": NoiseMaker.radio,
}


OF_VOICES = ("babble", "radio")
OF_SOUNDS = ("environment", "radio")


def check_rate(path: Path) -> None:
    """Make sure that a recording holds all of the band; higher rates are resampled where it is read.

    Raises:
        CorpusError: it is sampled at less than 16 kHz, so mixed with others it could be told by its band alone.
        AudioFormatError: it cannot be read.
    """
    try:
        rate = soundfile.info(path).samplerate
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise AudioFormatError(f"{path}: cannot be read as audio ({reason})") from None
    if rate < SAMPLE_RATE:
        raise CorpusError(
            f"{path}: sampled at {rate / 1000:g} kHz, so it cannot be mixed with what holds 8 kHz; leave it out"
        )


def steady(sound: Floats) -> bool:
    """Whether a recording of a second or more is stationary, as white and pink noise are."""
    count = len(sound) // STEADY_FRAME
    if count < SAMPLE_RATE // STEADY_FRAME:
        return False
    # Without differences the few slow waves of pink noise would decide.
    frames = np.diff(sound, prepend=sound[:1])[: count * STEADY_FRAME].reshape(count, STEADY_FRAME)
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return bool(power.min() > 0 and np.std(10 * np.log10(power)) < STEADY)
