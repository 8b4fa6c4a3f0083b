"""Speech as a phone on a table hears it beside a radio: what the paper recorded, simulated.

Rooms, distances and the phone are those of :mod:`train.noisy`. The radio is what the paper's was, voices and sounds
from a programme, held in memory. What is learnt from without labels and what is judged share neither noise nor rooms.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_app.core.types import SAMPLE_RATE, Floats
from train.corpora import find_corpus
from train.noise import NoiseBank, rms, speech_mask
from train.noisy.places import CONDITIONS, PLACES, ROOMS, TABLE, draw_place
from train.noisy.receiver import draw_device
from train.noisy.recording import LEAD, Part, record
from train.noisy.sides import SIDES, Side

TALKERS = "librispeech"
SOUNDS = "noise/esc10"
PATTERNS: dict[Side, tuple[str, str]] = {
    "train": ("*[02468]-*-*", "[1-3]-*"),
    "test": ("*[13579]-*-*", "[45]-*"),
}
"""File names of talkers (even and odd speakers of LibriSpeech) and of sounds (folds of ESC-10) on either side."""

MOST_TALKERS = 3
SOUND_LEVEL = (-10.0, 5.0)
"""Level of the recorded sound over the voices of the radio, in dB, from and to."""

MARGIN = SAMPLE_RATE // 10
"""Samples that stay before the first speech of an utterance and after the last."""

CLEAN = "clean"
NOISY = tuple(name for name, condition in CONDITIONS.items() if np.isfinite(condition.snr))


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an utterance is heard.

    Attributes:
        condition: ``clean``, as it is, or one of ``NOISY``.
        side: whose noise and rooms; of no consequence to the clean recording.
        seed: of what is drawn.
    """

    condition: str = CLEAN
    side: Side = "test"
    seed: int = 0


def spoken_part(samples: Floats) -> tuple[int, int]:
    """Where an utterance's first speech begins and its last ends, by voice activity, a tenth of a second about it."""
    spoken = np.flatnonzero(speech_mask(samples))
    return max(int(spoken[0]) - MARGIN, 0), min(int(spoken[-1]) + 1 + MARGIN, len(samples))


class Radio:
    """Voices over recorded sounds, never looped while there is something else to play.

    Args:
        talkers: recordings of voices.
        sounds: recordings of anything else.
    """

    def __init__(self, talkers: NoiseBank, sounds: NoiseBank) -> None:
        self._talkers = talkers
        self._sounds = sounds

    def draw(self, length: int, rng: np.random.Generator) -> Floats:
        """A programme of so many samples, float32, shape (length,)."""
        voices = np.zeros(length, dtype=np.float32)
        for _ in range(rng.integers(1, MOST_TALKERS + 1)):
            voice = self._talkers.draw(length, rng)
            voices += voice / np.float32(rms(voice))
        sound = self._sounds.draw(length, rng)
        level = rms(voices) / rms(sound) * 10 ** (rng.uniform(*SOUND_LEVEL) / 20)
        return voices + np.float32(level) * sound


class SceneRecorder:
    """Records utterances in a scene.

    Args:
        scene: which.
        root: the folder of the corpora.

    Raises:
        CorpusError: the voices or sounds are not there.
    """

    def __init__(self, scene: Scene, root: Path) -> None:
        self._scene = scene
        if scene.condition == CLEAN:
            return
        talkers, sounds = PATTERNS[scene.side]
        self._radio = Radio(
            NoiseBank(root / find_corpus(TALKERS).folder, talkers),
            NoiseBank(root / SOUNDS, sounds),
        )

    def record(self, samples: Floats, number: int) -> Floats:
        """What is heard of an utterance.

        Args:
            samples: float32, shape (n,).
            number: of the utterance; what is drawn depends on it and the scene alone.

        Returns:
            float32, cut to speech; the radio plays throughout.

        Raises:
            CorpusError: the utterance is silent.
        """
        scene = self._scene
        start, stop = spoken_part(samples)
        speech = samples[start:stop]
        if scene.condition == CLEAN:
            return speech
        condition = CONDITIONS[scene.condition]
        rng = np.random.default_rng((scene.seed, SIDES.index(scene.side), NOISY.index(scene.condition), number))
        place = draw_place(TABLE, condition, scene.side, scene.seed, int(rng.integers(ROOMS * PLACES)))
        radio = Part(self._radio.draw(LEAD + len(speech), rng), 0, len(speech), condition.snr)
        return record(speech, [radio], place, draw_device(TABLE, rng), rng).samples
