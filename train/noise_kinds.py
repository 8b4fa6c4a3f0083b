"""The kinds of noise that robustness is measured in, apart from what training mixes in.

``babble``         six people at once, of LibriSpeech's test-other, none of whom training hears as noise: what it calls
                   babble is of train-clean-100
``environmental``  ESC-10 (rain, sea, dog, baby, clock, sneeze, helicopter, chainsaw, rooster, fire), its fold 5
``home``           Speech Commands' dishes, tap, exercise bike and miaowing
``pink``           Gaussian, as much power in every octave
``white``          Gaussian, as much power at every frequency

Training with ``noise_pattern = "[1-4]-*"`` hears folds 1 to 4 of ESC-10 and nothing else; clips of one source share a
fold. Training with all recordings, as the pattern ``*`` has it, has heard those of ``environmental`` and ``home``, and
:func:`heard_in_training` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from edge_app.core.types import SAMPLE_RATE, Floats
from edge_app.errors import ConfigurationError
from train.babble import Babble, spoken
from train.data import data_root
from train.noise import NoiseBank, NoiseSource, rms

TALKERS = 6
BABBLE_SPLIT = "test-other"
ENVIRONMENTAL = ("noise/esc10", "5-*")
HOME = ("noise/speech-commands", "[!pw]*")
"""The folder and the pattern of its file names; that of ``home`` leaves out pink and white noise."""

LOWEST = 20.0
"""Hertz below which pink noise rises no further."""


class GaussianNoise:
    """Noise whose power falls with frequency as ``1 / f ** slope``.

    Args:
        name: what reports call it.
        slope: 0 is white, 1 is pink.
    """

    def __init__(self, name: str, slope: float) -> None:
        self.name = name
        self._slope = slope

    def draw(self, length: int, rng: np.random.Generator) -> Floats:
        """Make so many samples, float32, with a root mean square of 0.1."""
        size = 1 << max(length - 1, 1).bit_length()  # lengths with large prime factors are slow
        spectrum = np.fft.rfft(rng.normal(size=size))
        frequency = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), LOWEST)
        samples = np.fft.irfft(spectrum * frequency ** (-self._slope / 2), size)[:length].astype(np.float32)
        return np.float32(0.1 / rms(samples)) * samples


def _babble(root: Path) -> NoiseSource:
    return Babble(spoken(BABBLE_SPLIT, root), TALKERS, TALKERS)


KINDS: dict[str, Callable[[Path], NoiseSource]] = {
    "babble": _babble,
    "environmental": lambda root: NoiseBank(root / ENVIRONMENTAL[0], ENVIRONMENTAL[1], "environmental"),
    "home": lambda root: NoiseBank(root / HOME[0], HOME[1], "home"),
    "pink": lambda root: GaussianNoise("pink", 1.0),
    "white": lambda root: GaussianNoise("white", 0.0),
}
"""What makes the source of each kind, given the folder of the corpora."""

EVERY_KIND = "all"


def parse_kinds(text: str) -> tuple[str, ...]:
    """Read ``all`` or names of kinds with commas between.

    Raises:
        ConfigurationError: there is no such kind, or one is named twice.
    """
    if text == EVERY_KIND:
        return tuple(KINDS)
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in KINDS:
            raise ConfigurationError(
                f"--noise {text}: no kind of noise {name!r}; choose from {', '.join(KINDS)}, {EVERY_KIND}, "
                "or give a folder of recordings"
            )
    if len(set(names)) < len(names):
        raise ConfigurationError(f"--noise {text}: names a kind twice")
    return names


def make_source(kind: str, root: str | Path | None) -> NoiseSource:
    """The source of a kind in ``KINDS``.

    Args:
        kind: its name.
        root: folder of the corpora, as :func:`train.data.data_root` takes it; ``pink`` and ``white`` need none.

    Raises:
        CorpusError: its recordings are missing, or one is silent.
    """
    return KINDS[kind](Path() if kind in ("pink", "white") else data_root(root))


def make_sources(text: str, root: str | Path | None) -> list[NoiseSource]:
    """The sources of what ``--noise`` names: kinds, or a folder of recordings.

    Args:
        text: ``all``, names of kinds with commas between, or a folder.
        root: as for :func:`make_source`.

    Raises:
        ConfigurationError: there is no such kind.
        CorpusError: recordings are missing, or one is silent.
    """
    if Path(text).is_dir() or len(Path(text).parts) > 1:
        return [NoiseBank(Path(text))]
    return [make_source(kind, root) for kind in parse_kinds(text)]


def heard_in_training(source: NoiseSource, manifest: Mapping[str, Any]) -> bool | None:
    """Whether training mixed recordings of a source into its speech.

    Args:
        source: the noise.
        manifest: of the bundle, or anything that holds ``training`` with its ``experiment``.

    Returns:
        None where nobody can say: the manifest is silent about training, or the recordings are the user's own.
    """
    if not isinstance(source, NoiseBank):
        return False
    waveform = manifest.get("training", {}).get("experiment", {}).get("waveform")
    if waveform is None:
        return None
    if not (waveform["copies"] and waveform["noise_probability"] > 0):
        return False
    if source.name not in KINDS:
        return None
    pattern = waveform.get("noise_pattern", "*")
    return any(fnmatch(Path(name).name, pattern) for name in source.names)
