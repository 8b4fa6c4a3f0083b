"""Streams of speech whose every moment is known to be speech or silence, as a device would hear them.

A stream is one speaker's utterances, each at -26 dBFS where somebody speaks, with two to three seconds of digital
silence between. What is speech is known from the clean recording alone, by energy: 20 ms frames at most 25 dB below the
speech's level, with gaps shorter than 0.2 s closed. What is silence is known because it was put there. Neither asks a
voice activity detector; what lies between (breath, a room's decay, a plosive's tail) counts as neither.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats
from train.corpora import Utterance, read_utterance
from train.noise import SILENCE_RMS, NoiseSource, rms, speech_mask
from train.wearers import seeded, utterance_name

LEVEL = 10 ** (-26 / 20)
"""Root mean square of speech, of full scale."""

SPEAKERS = 8
SECONDS = 15.0
PAUSE = (2.0, 3.0)
FRAME = SAMPLE_RATE // 50
SPEECH_RANGE = 25.0
CLOSED_GAP = 0.2

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SpokenStream:
    """One speaker's stream.

    Attributes:
        speaker: who speaks.
        samples: float32, shape (n,), clean.
        speech: which samples are speech, shape (n,).
        silence: which are silence that was put there, shape (n,).
    """

    speaker: str
    samples: Floats
    speech: Mask
    silence: Mask

    def under(self, source: NoiseSource, ratio: float | None, seed: int) -> tuple[Floats, Floats]:
        """The stream under noise, clipped as a device would, and the noise alone.

        Args:
            source: the noise; the stretch depends on the seed, its name and the speaker only.
            ratio: in decibels: level of the speech over the root mean square of the noise; None for no noise.
            seed: of the stretch.
        """
        if ratio is None:
            return self.samples, np.zeros_like(self.samples)
        noise = source.draw(len(self.samples), seeded(seed, f"{source.name}/{self.speaker}"))
        noise = noise * np.float32(LEVEL / rms(noise) * 10 ** (-ratio / 20))
        return np.clip(self.samples + noise, np.float32(-1), np.float32(1)), noise


def spoken_streams(
    utterances: Sequence[Utterance], seed: int, speakers: int = SPEAKERS, seconds: float = SECONDS
) -> list[SpokenStream]:
    """Streams of some speakers, drawn by the seed.

    Args:
        utterances: of one corpus or several; silent ones are passed over.
        seed: of speakers, order and pauses.
        speakers: how many at most.
        seconds: of utterances in each stream, where the speaker has as many.
    """
    spoken: dict[str, list[Utterance]] = {}
    for utterance in sorted(utterances, key=utterance_name):
        spoken.setdefault(utterance.speaker, []).append(utterance)
    rng = np.random.default_rng((seed, 2))
    names = rng.permutation(sorted(spoken))[:speakers]
    return [_stream(str(name), spoken[str(name)], rng, seconds) for name in sorted(names)]


def _stream(speaker: str, utterances: Sequence[Utterance], rng: np.random.Generator, seconds: float) -> SpokenStream:
    parts: list[tuple[Floats, Mask, bool]] = []
    length = 0
    for number in rng.permutation(len(utterances)):
        samples = read_utterance(utterances[number])
        level = rms(samples[speech_mask(samples)])
        if level < SILENCE_RMS:
            continue
        pause = np.zeros(round(rng.uniform(*PAUSE) * SAMPLE_RATE), dtype=np.float32)
        parts.append((pause, np.zeros(len(pause), dtype=np.bool_), True))
        samples = samples * np.float32(LEVEL / level)
        parts.append((samples, loud_mask(samples), False))
        length += len(samples)
        if length >= seconds * SAMPLE_RATE:
            break
    pause = np.zeros(round(PAUSE[0] * SAMPLE_RATE), dtype=np.float32)
    parts.append((pause, np.zeros(len(pause), dtype=np.bool_), True))
    return SpokenStream(
        speaker,
        np.concatenate([samples for samples, _, _ in parts]),
        np.concatenate([speech for _, speech, _ in parts]),
        np.concatenate([np.full(len(samples), silent) for samples, _, silent in parts]),
    )


def loud_mask(samples: Floats) -> Mask:
    """Which samples of a clean recording whose speech has ``LEVEL`` are speech, by energy, shape (n,)."""
    frames = -(-len(samples) // FRAME)
    padded = np.zeros(frames * FRAME, dtype=np.float64)
    padded[: len(samples)] = samples
    loud = np.mean(padded.reshape(frames, FRAME) ** 2, axis=1) >= LEVEL**2 * 10 ** (-SPEECH_RANGE / 10)
    at = np.flatnonzero(loud)
    for before, after in itertools.pairwise(at):
        if (after - before - 1) * FRAME < CLOSED_GAP * SAMPLE_RATE:
            loud[before:after] = True
    return np.repeat(loud, FRAME)[: len(samples)]
