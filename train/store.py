"""What determines the numbers in a store of features, the names of its shards, and what a process needs for one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_app.core.features import EXTRACTORS, FrameExtractor
from edge_app.core.windows import WindowSpec
from train.augment import WaveformAugmenter
from train.babble import Babble, spoken
from train.config import WaveformConfig
from train.corpora import Utterance
from train.noise import NoiseBank
from train.rooms import room_responses

TALKERS = "train-clean-100"
TALKING = (2, 8)
"""Which part of LibriSpeech talks in the background, and how many at once, at least and at most."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What determines the numbers in a store.

    Attributes:
        kind: key of ``EXTRACTORS``.
        waveform: augmentation.
        noise: folder of noise recordings, or None.
        seed: of the augmentation.
        window: samples in a window.
        talkers: folder of the corpora, of which people talk in the background; or None.
    """

    kind: str
    waveform: WaveformConfig
    noise: Path | None
    seed: int
    window: int = WindowSpec().length
    talkers: Path | None = None

    @property
    def identity(self) -> dict[str, str]:
        """What names a shard. What shards had no choice of when they were made, and did not choose, is left out."""
        settings = asdict(self)
        for later in ("noise_pattern", "babble"):
            if getattr(self.waveform, later) == getattr(WaveformConfig(), later):
                del settings["waveform"][later]
        if self.talkers is None:
            del settings["talkers"]
        return {key: str(value) for key, value in settings.items()}

    def augmenter(self) -> WaveformAugmenter:
        """What draws augmented versions, with its rooms, noise and talkers.

        Where a talker happens to be silent, a version has no babble: one more clean one does no harm.

        Raises:
            CorpusError: recordings are missing.
        """
        responses = room_responses(self.waveform.rooms, self.seed) if self.waveform.copies else ()
        noise = None if self.noise is None else NoiseBank(self.noise, self.waveform.noise_pattern)
        talk = None if self.talkers is None else Babble(spoken(TALKERS, self.talkers), *TALKING, attempts=1)
        return WaveformAugmenter(self.waveform, responses, noise, talk)

    def shard(self, content: str, hop: int, first: int, utterances: Sequence[Utterance]) -> str:
        """A name that changes with anything that would change a shard's numbers.

        Args:
            content: what is stored, ``features``, ``functionals`` or ``joint``.
            hop: samples from one window's end to the next.
            first: number of the shard's first utterance: with the seed, what its augmentation depends on.
            utterances: of the shard.
        """
        identity = {
            "settings": self.identity,
            content: EXTRACTORS[self.kind]().spec.digest,
            "hop": hop,
            "first": first,
            "files": [(str(u.path), u.path.stat().st_size, u.start, u.end) for u in utterances],
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]


_process: tuple[FrameExtractor, WaveformAugmenter, StoreSettings]


def start_worker(settings: StoreSettings) -> None:
    """Prepare this process for computing shards."""
    global _process
    _process = EXTRACTORS[settings.kind](), settings.augmenter(), settings


def worker() -> tuple[FrameExtractor, WaveformAugmenter, StoreSettings]:
    """What :func:`start_worker` prepared."""
    return _process
