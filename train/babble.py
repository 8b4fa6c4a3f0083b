"""Several people speaking at once, of LibriSpeech: the noise that hides speech best, since it is speech."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_app.core.types import Floats
from edge_app.errors import CorpusError
from train.corpora import Utterance, read_corpus, read_utterance
from train.noise import ATTEMPTS, SILENCE_RMS, rms

CORPUS = "librispeech"


def spoken(split: str, root: Path) -> list[Utterance]:
    """The utterances of a part of LibriSpeech, such as ``test-other``, below the folder of the corpora.

    Raises:
        CorpusError: the corpus is missing.
    """
    return [utterance for utterance in read_corpus(CORPUS, root) if utterance.split == split]


class Babble:
    """Several people speaking at once, each at the same level, drawn anew for every stretch.

    Args:
        utterances: what they say.
        fewest: how many speak at once, at least.
        most: at most.
        attempts: stretches of a talker that are tried where one is all pause.

    Raises:
        CorpusError: there are fewer speakers than that.
    """

    name = "babble"

    def __init__(self, utterances: Sequence[Utterance], fewest: int, most: int, attempts: int = ATTEMPTS) -> None:
        self._spoken: dict[str, list[Utterance]] = {}
        for utterance in utterances:
            self._spoken.setdefault(utterance.speaker, []).append(utterance)
        if len(self._spoken) < most:
            raise CorpusError(f"babble needs {most} speakers at once; there are {len(self._spoken)}")
        self._fewest, self._most, self._attempts = fewest, most, attempts
        self._read = functools.cache(read_utterance)  # every utterance is drawn hundreds of times

    def draw(self, length: int, rng: np.random.Generator) -> Floats:
        """Take a stretch of babble, float32, shape (length,); its talkers weigh the same.

        Raises:
            CorpusError: a talker is silent for all of it.
        """
        count = self._fewest if self._fewest == self._most else int(rng.integers(self._fewest, self._most + 1))
        talkers = rng.choice(sorted(self._spoken), count, replace=False)
        total = np.zeros(length)
        for talker in talkers:
            voice = self._audible(str(talker), length, rng)
            total += voice / rms(voice)
        return (0.1 * total / np.sqrt(count)).astype(np.float32)

    def _audible(self, talker: str, length: int, rng: np.random.Generator) -> Floats:
        """A stretch in which the talker is heard."""
        for _ in range(self._attempts):
            if rms(voice := self._voice(talker, length, rng)) >= SILENCE_RMS:
                return voice
        raise CorpusError(f"{talker}: silent recordings, so no babble can be made of them; leave them out")

    def _voice(self, talker: str, length: int, rng: np.random.Generator) -> Floats:
        """Recordings of a talker one after the other, from a random place on; only when all were used one returns."""
        pieces: list[Floats] = []
        order: list[int] = []
        missing = length
        while missing > 0:
            order = order or list(rng.permutation(len(self._spoken[talker])))
            samples = self._read(self._spoken[talker][order.pop()])
            start = 0 if pieces else int(rng.integers(max(len(samples) - missing, 0) + 1))
            pieces.append(samples[start : start + missing])
            missing -= len(pieces[-1])
        return np.concatenate(pieces)
