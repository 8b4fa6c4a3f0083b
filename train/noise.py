"""Recorded noise under speech, at a chosen signal-to-noise ratio."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.counted import counted
from edge_app.errors import CorpusError
from edge_app.vad import make_detector
from train.corpora.audio import read_audio
from train.corpora.layout import audio_files

SILENCE_RMS = 1e-4
"""Root mean square, of full scale, below which a signal counts as silent: -80 dBFS."""

PADDING_DECIBELS = 50.0
"""Noise clips are padded to equal length: what lies this far under the loudest frame at either end is cut off."""

ATTEMPTS = 50
FRAME = SAMPLE_RATE // 50


def rms(samples: Floats) -> float:
    """Root mean square of samples; 0 where there are none."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def speech_mask(samples: Floats) -> NDArray[np.bool_]:
    """Which samples are speech, shape (n,), by WebRTC's detector; all of them where it finds none."""
    detector = make_detector("webrtc")
    mask = np.repeat(detector.feed(samples) >= 0.5, detector.frame_length)
    mask = np.concatenate((mask, np.zeros(len(samples) - len(mask), dtype=np.bool_)))
    return mask if mask.any() else np.ones(len(samples), dtype=np.bool_)


def mix_at_snr(speech: Floats, noise: Floats, snr_db: float) -> Floats:
    """Add noise to speech.

    The ratio is that of the speech's root mean square, over the samples in which somebody speaks, to that of the
    noise, both over the whole utterance. A sum beyond full scale is turned down as a whole, so the ratio stays.

    Args:
        speech: float32, shape (n,).
        noise: float32, shape (at least n,); the first n samples are used.
        snr_db: the ratio in decibels.

    Returns:
        float32, shape (n,), in [-1, 1].

    Raises:
        CorpusError: the speech or the noise is silent, or the noise is shorter than the speech.
    """
    if len(noise) < len(speech):
        raise CorpusError(f"{len(noise)} samples of noise are too few for {len(speech)} samples of speech")
    noise = noise[: len(speech)]
    signal_level, noise_level = rms(speech[speech_mask(speech)]), rms(noise)
    for name, level in (("speech", signal_level), ("noise", noise_level)):
        if level < SILENCE_RMS:
            raise CorpusError(f"the {name} is silent, so no signal-to-noise ratio can be set")
    mixed: Floats = speech + noise * np.float32(signal_level / noise_level * 10 ** (-snr_db / 20))
    turned_down: Floats = mixed / np.maximum(np.abs(mixed).max(), np.float32(1.0))
    return turned_down


class NoiseSource(Protocol):
    """What noise can be drawn from.

    Attributes:
        name: what reports call it.
    """

    name: str

    def draw(self, length: int, rng: np.random.Generator) -> Floats:
        """Take so many samples, float32, not silent."""
        ...


def find_noise(folder: Path, pattern: str = "*") -> list[Path]:
    """The recordings of noise below a folder whose names match a shell pattern.

    Raises:
        CorpusError: no such folder, or no such recordings.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder; check the path of the noise")
    paths = audio_files(folder, recursive=True)
    if not paths:
        raise CorpusError(f"{folder}: no recordings of noise; give a folder with .wav, .flac or .opus files")
    matching = [path for path in paths if fnmatch(path.name, pattern)]
    if not matching:
        raise CorpusError(f"{folder}: none of {counted(len(paths), 'recording')} of noise matches {pattern!r}")
    return matching


class NoiseBank:
    """All recordings of noise below a folder, held in memory.

    Args:
        folder: the folder; recordings in folders below it count too.
        pattern: shell pattern that the names of files must match, such as ``[1-4]-*`` for four folds of ESC-10.
        name: what reports call it; None for the folder's name.

    Attributes:
        length: samples in all recordings together, without the silence that pads them.
        rates: sampling rate of each recording in hertz; whatever it is, it is resampled.

    Raises:
        CorpusError: no such folder, no recordings, or a silent one.
        AudioFormatError: a recording cannot be read.
    """

    def __init__(self, folder: Path, pattern: str = "*", name: str | None = None) -> None:
        self.folder = Path(folder)
        self.name = name or self.folder.name
        paths = find_noise(self.folder, pattern)
        self.names = [str(path.relative_to(self.folder)) for path in paths]
        self._clips = [read_noise(path) for path in paths]
        self.length = sum(map(len, self._clips))
        self.rates = [int(soundfile.info(path).samplerate) for path in paths]

    def __len__(self) -> int:
        return len(self._clips)

    def draw(self, length: int, rng: np.random.Generator) -> Floats:
        """Take a stretch of noise from a random place.

        A recording that is too short is followed by different ones; only when all have been used does one return,
        which a measurement refuses beforehand (:func:`train.noise_check.check_noise`).

        Args:
            length: samples wanted.
            rng: where the chance comes from.

        Returns:
            float32, shape (length,), not silent.

        Raises:
            CorpusError: the recordings are so full of pauses that only silence was drawn.
        """
        for _ in range(ATTEMPTS):
            stretch = self._stretch(length, rng)
            if rms(stretch) >= SILENCE_RMS:
                return stretch
        raise CorpusError(f"{self.folder}: its recordings are mostly silence; remove those with long pauses")

    def _stretch(self, length: int, rng: np.random.Generator) -> Floats:
        pieces: list[Floats] = []
        order: list[int] = []
        missing = length
        while missing > 0:
            order = order or list(rng.permutation(len(self._clips)))
            clip = self._clips[order.pop()]
            start = int(rng.integers(max(len(clip) - missing, 0) + 1)) if not pieces else 0
            pieces.append(clip[start : start + missing])
            missing -= len(pieces[-1])
        return np.concatenate(pieces)


def read_noise(path: Path) -> Floats:
    """A recording of noise without the silence that pads it, float32, shape (samples,).

    Raises:
        CorpusError: it is silent.
        AudioFormatError: it cannot be read.
    """
    samples = read_audio(path)
    if rms(samples) < SILENCE_RMS:
        raise CorpusError(f"{path}: this recording of noise is silent; remove it")
    frames = [rms(samples[at : at + FRAME]) for at in range(0, len(samples), FRAME)]
    loud = np.flatnonzero(np.array(frames) >= max(frames) * 10 ** (-PADDING_DECIBELS / 20))
    return samples[loud[0] * FRAME : (loud[-1] + 1) * FRAME]
