"""One recording: speech and noise through their ways to the receiver, at a measured ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from edge_app.core.types import SAMPLE_RATE, Floats, seconds
from edge_app.errors import CorpusError
from train.noise import SILENCE_RMS, rms, speech_mask
from train.noisy.places import Place, responses, travel
from train.noisy.receiver import OWN_NOISE, Device, Doubles, clipped_share, convert

LEAD = SAMPLE_RATE // 2
"""Samples of noise before a part of it begins: the room is full of it by then."""

FADE = SAMPLE_RATE // 2
"""Samples in which one part of the noise gives way to the next."""


@dataclass(frozen=True, slots=True)
class Part:
    """Noise during a part of a recording.

    Attributes:
        noise: float32, shape (at least ``LEAD`` + ``FADE`` + stop - start,).
        start: sample of the recording at which it begins.
        stop: sample at which it ends.
        snr: ratio in dB of the speech, over the whole recording, to the noise, both as the receiver hears them.
    """

    noise: Floats
    start: int
    stop: int
    snr: float


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded.

    Attributes:
        samples: float32, shape (n,), in 16-bit steps; as long as the speech that was played, and in time with it.
        speech: what the receiver hears of the speech, at the level of the recording, shape (n,).
        spoken: where somebody speaks, shape (n,).
    """

    samples: Floats
    speech: Floats
    spoken: NDArray[np.bool_]

    @property
    def clipped(self) -> float:
        """Share of samples at full scale, in [0, 1]."""
        return clipped_share(self.samples)

    def snr(self, start: int = 0, stop: int | None = None) -> float | None:
        """Achieved ratio in dB between two samples: of the speech, where somebody speaks, to all else there.

        All else is noise, clipping and rounding. None where nobody speaks.
        """
        here = slice(start, stop)
        speech = self.speech[here][self.spoken[here]]
        if not len(speech):
            return None
        return float(20 * np.log10(rms(speech) / rms(self.samples[here] - self.speech[here])))


def record(speech: Floats, parts: Sequence[Part], place: Place, device: Device, rng: np.random.Generator) -> Recording:
    """Play speech and noise in a room and record them.

    Args:
        speech: float32, shape (n,).
        parts: the noise, one part after the other; none for a quiet room.
        place: where everything is.
        device: the receiver.
        rng: of the receiver's own noise.

    Raises:
        CorpusError: speech or noise is silent, or the noise is shorter than the speech: no ratio can be set.
    """
    spoken = check_speech(speech)
    near, far = responses(place)
    heard = device.hear(played(speech, near, travel(place.distance)))
    level = rms(heard[spoken].astype(np.float32))
    others = rng.normal(0, level * 10 ** (OWN_NOISE / 20), len(speech))
    for part in parts:
        first, window = _window(part, len(speech))
        noise = part.noise[: LEAD + len(window)]
        if len(noise) < LEAD + len(window):
            raise CorpusError(
                f"{seconds(len(noise)):.2f} s of noise are too few for {seconds(len(window)):.2f} s of speech and "
                f"{seconds(LEAD):g} s before it"
            )
        around = device.hear(played(noise, far, travel(place.noise_distance)))[LEAD:]
        if (noise_level := rms(around.astype(np.float32))) < SILENCE_RMS:
            raise CorpusError("the noise is silent, so no signal-to-noise ratio can be set")
        others[first : first + len(window)] += window * around * (level / noise_level * 10 ** (-part.snr / 20))
    gain = 10 ** (device.level / 20) / level
    return Recording(convert(gain * (heard + others)), (gain * heard).astype(np.float32), spoken)


def check_speech(speech: Floats) -> NDArray[np.bool_]:
    """Which samples are speech, shape (n,).

    Raises:
        CorpusError: there is only silence.
    """
    spoken = speech_mask(speech)
    if rms(speech[spoken]) < SILENCE_RMS:
        raise CorpusError("the speech is silent, so no signal-to-noise ratio can be set; leave it out")
    return spoken


def played(sound: Floats, response: NDArray[np.float32], delay: int) -> Doubles:
    """Sound after its way through a room, shape (n,), moved back by the time that it travels."""
    whole = signal.fftconvolve(sound.astype(np.float64), response)
    return np.asarray(whole[delay : delay + len(sound)])


def _window(part: Part, length: int) -> tuple[int, Doubles]:
    """The sample at which a part is first heard, and how loud it is from there on, in [0, 1]."""
    first = max(part.start - FADE // 2, 0)
    window = np.ones(min(part.stop + FADE // 2, length) - first)
    ramp = (np.arange(FADE) + 0.5) / FADE
    if part.start > 0:
        window[:FADE] *= np.sqrt(ramp)[: len(window)]
    if part.stop < length:
        window[-FADE:] *= np.sqrt(ramp[::-1])[-len(window) :]
    return first, window
