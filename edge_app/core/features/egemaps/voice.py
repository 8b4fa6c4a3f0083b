"""The fifteen descriptors of the voice: pitch, its perturbation, harmonics, formants.

Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and Affective Computing", IEEE
Transactions on Affective Computing 7(2), 2016. All but the formants are taken from a 60 ms Gaussian window (sigma 0.4);
formants from the first 20 ms of it, as openSMILE aligns them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.egemaps.formants import FORMANTS, FRAME_LENGTH, HIGHEST, FormantFinder
from edge_app.core.features.egemaps.harmonics import HarmonicSpectrum, harmonics_to_noise
from edge_app.core.features.egemaps.perturbation import HISTORY, PeriodMatcher
from edge_app.core.features.egemaps.pitch import Doubles, SubHarmonicSum
from edge_app.core.features.egemaps.pitch_path import LOOK_AHEAD, PitchPath
from edge_app.core.features.framing import overlapping, power_spectra, tapered
from edge_app.core.types import Floats

FFT_LENGTH = 1024
SIGMA = 0.4
SEMITONE_ORIGIN = 27.5
SILENT = 1e-3
NO_AMPLITUDE = -201.0
COLUMNS = 6 + 3 * FORMANTS


class VoiceDescriptors:
    """Streaming descriptors of the voice, one row for every 10 ms.

    Columns: F0 in semitones above 27.5 Hz, jitter, shimmer in dB, harmonics-to-noise ratio in dB, H1-H2 in dB, H1-A3 in
    dB, then frequency in Hz, bandwidth in Hz and amplitude relative to the fundamental's in dB of formants 1 to 3. In
    unvoiced frames all are 0, but the formants' amplitudes -201.

    Args:
        formants: whether to look for them; else columns that need them are as in unvoiced frames.

    Attributes:
        frame_length: samples in a frame; frame n starts at sample n * ``frame_hop``.
        frame_hop: samples between the starts of two frames.
        delay: how many frames later a frame is decided.
    """

    frame_length = 960
    frame_hop = 160
    delay = LOOK_AHEAD

    def __init__(self, formants: bool = True) -> None:
        middle = (self.frame_length - 1) / 2
        self._taper = np.exp(-0.5 * ((np.arange(self.frame_length) - middle) / (SIGMA * middle)) ** 2)
        self._sum = SubHarmonicSum(FFT_LENGTH // 2 + 1)
        self._path = PitchPath()
        self._formants = FormantFinder() if formants else None
        self._periods = PeriodMatcher(self.frame_hop)
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample fed starts the first frame."""
        self._path.reset()
        self._periods.reset()
        # What a decided frame looks at: audio from HISTORY samples before the first undecided frame.
        self._audio: Doubles = np.zeros(HISTORY)
        self._power: Doubles = np.zeros((0, FFT_LENGTH // 2 + 1))
        self._loud: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def feed(self, samples: Floats) -> Floats:
        """Take the next samples and return the frames decided by now.

        Args:
            samples: float32, shape (n,), in [-1, 1], of 16 bits; any n.

        Returns:
            float32, shape (frames, 15). The values do not depend on how the audio is cut into calls.
        """
        self._audio = np.concatenate((self._audio, samples))
        known = len(self._power)
        start = HISTORY + known * self.frame_hop
        count = max(0, (len(self._audio) - start - self.frame_length) // self.frame_hop + 1)
        if count == 0:
            return np.zeros((0, COLUMNS), dtype=np.float32)
        return self._describe(self._path.feed(*self._sum(self._magnitudes(start, count))))

    def _magnitudes(self, start: int, count: int) -> Floats:
        """Amplitude spectra of the next frames; keeps power, and which of them are loud enough for a voice."""
        frames = overlapping(self._audio, start, count, self.frame_length, self.frame_hop)
        padded = tapered(frames, self._taper, FFT_LENGTH)
        loud = np.vecdot(padded, padded) > SILENT**2 * self.frame_length
        power = power_spectra(padded)
        self._power = np.concatenate((self._power, power))
        self._loud = np.concatenate((self._loud, loud))
        magnitudes = power.astype(np.float32)
        return np.sqrt(magnitudes, out=magnitudes)

    def finish(self) -> Floats:
        """The frames that still waited for later ones, the audio having ended: (frames, 15); forgets all audio."""
        rows = self._describe(self._path.finish())
        self.reset()
        return rows

    def _describe(self, fundamental: Doubles) -> Floats:
        """Rows of the oldest waiting frames, whose fundamental frequency is decided, and forget these."""
        fundamental = fundamental * self._loud[: len(fundamental)]
        rows = np.zeros((len(fundamental), COLUMNS), dtype=np.float32)
        rows[:, 8::3] = NO_AMPLITUDE
        rows[:, 1], rows[:, 2] = self._periods.describe(self._audio, HISTORY, fundamental)
        (voiced,) = fundamental.nonzero()
        if len(voiced):
            self._describe_voiced(rows, voiced, fundamental[voiced])
        self._power = self._power[len(rows) :]
        self._loud = self._loud[len(rows) :]
        self._audio = self._audio[len(rows) * self.frame_hop :]
        return rows

    def _describe_voiced(self, rows: Floats, numbers: NDArray[np.intp], fundamental: Doubles) -> None:
        """Fill in what is taken from the spectra of voiced frames."""
        power = self._power[numbers]
        harmonics = HarmonicSpectrum(power, fundamental, HIGHEST if self._formants else 0.0)
        first, second, third = harmonics.amplitudes(3).T
        rows[numbers, 0] = 12 * np.log2(fundamental / SEMITONE_ORIGIN)
        rows[numbers, 3] = harmonics_to_noise(power, fundamental)
        rows[numbers, 4] = second - third
        if self._formants is None:
            return
        frames = overlapping(self._audio, HISTORY, len(rows), FRAME_LENGTH, self.frame_hop)
        frequencies, bandwidths = self._formants(frames[numbers])
        amplitudes = harmonics.formant_amplitudes(frequencies)
        rows[numbers, 5] = second - amplitudes[:, -1]
        rows[numbers, 6::3] = frequencies
        rows[numbers, 7::3] = bandwidths
        rows[numbers, 8::3] = amplitudes - first[:, None]
