"""Sections of a configuration: how utterances are augmented, and what the augmented versions count for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_app.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class WaveformConfig:
    """Augmentation of the waveform, before features. Every utterance is kept clean once and augmented ``copies`` times.

    Attributes:
        copies: augmented versions of each utterance.
        room_probability: chance of a small room's response.
        rooms: number of simulated rooms.
        noise_probability: chance of recorded noise.
        noise_pattern: shell pattern of recordings; ``[1-4]-*`` keeps apart what ``evaluate --noise`` mixes in.
        babble: share of the noise that is people talking, two to eight at once, of LibriSpeech's train-clean-100.
        snr_low: lowest signal-to-noise ratio in dB.
        snr_high: highest.
        band_probability: chance of a low-pass (3 to 7.5 kHz) and, independently, a high-pass (60 to 300 Hz).
        gain_low: lowest gain in dB.
        gain_high: highest.
    """

    copies: int = 3
    room_probability: float = 0.5
    rooms: int = 48
    noise_probability: float = 0.75
    noise_pattern: str = "*"
    babble: float = 0.0
    snr_low: float = 0.0
    snr_high: float = 20.0
    band_probability: float = 0.3
    gain_low: float = -12.0
    gain_high: float = 6.0

    def __post_init__(self) -> None:
        if self.copies < 0 or self.rooms < 1:
            raise ConfigurationError("[waveform] copies must not be negative, and rooms must be at least 1")
        for key in ("room_probability", "noise_probability", "babble", "band_probability"):
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigurationError(f"[waveform] {key} = {getattr(self, key):g}: must lie between 0 and 1")
        for low, high in (("snr_low", "snr_high"), ("gain_low", "gain_high")):
            if not -math.inf < getattr(self, low) <= getattr(self, high) < math.inf:
                raise ConfigurationError(f"[waveform] {low} must not be above {high}, both in decibels")


@dataclass(frozen=True, slots=True)
class SpectrumConfig:
    """Augmentation of a window's log-mel frames, drawn anew each time it is seen.

    Attributes:
        gain: largest change of level, dB, either way.
        equaliser: deviation in dB of a smooth random filter (a microphone nobody has met).
        stretch: largest relative change of tempo.
        shift: largest shift along frequency, in bands (another vocal tract).
        mask_bands: widest mask along frequency (SpecAugment, Park et al. 2019).
        mask_frames: longest mask along time.
        mixup: parameter of the Beta distribution (Zhang et al. 2018); 0 turns it off.
    """

    gain: float = 10.0
    equaliser: float = 3.0
    stretch: float = 0.15
    shift: float = 4.0
    mask_bands: int = 16
    mask_frames: int = 12
    mixup: float = 0.3

    def __post_init__(self) -> None:
        for key in ("gain", "equaliser", "stretch", "shift", "mask_bands", "mask_frames", "mixup"):
            if not 0 <= getattr(self, key) < math.inf:
                raise ConfigurationError(f"[spectrum] {key} = {getattr(self, key):g}: must not be negative")
        if self.stretch >= 1:
            raise ConfigurationError(f"[spectrum] stretch = {self.stretch:g}: must be below 1")


@dataclass(frozen=True, slots=True)
class VersionsConfig:
    """What the clean and the augmented versions of an utterance count for.

    Attributes:
        clean: share of training windows that are clean; 0 lets every version count the same.
        judged: versions of each validation utterance that early stopping judges, the clean one and as many augmented
            ones.
        shift: share of the constant for each class's logit that augmented versions ask for, and which counts as far
            as noise is heard: it makes a net fall back on a class or two, for speakers who did not train.
    """

    clean: float = 0.0
    judged: int = 1
    shift: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.clean < 1:
            raise ConfigurationError("[versions] clean must be at least 0 and below 1")
        if self.judged < 1:
            raise ConfigurationError("[versions] judged must be at least 1")
        if not 0 <= self.shift <= 1:
            raise ConfigurationError("[versions] shift must lie between 0 and 1")
