"""The descriptors of eGeMAPS that every frame has: loudness, spectral balance, flux and MFCC 1 to 4.

A frame is 20 ms long, Hamming-windowed, without pre-emphasis, and starts 10 ms after the one before it. Definitions:
Eyben et al., IEEE Transactions on Affective Computing 7(2), 2016, section 3; loudness after Hermansky, Journal of the
Acoustical Society of America 87(4), 1990. What papers leave open is set so that values equal those of openSMILE's
eGeMAPSv02, found by comparing numbers on speech and on made-up signals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_app.core.features.bands import FilterBank
from edge_app.core.features.framing import overlapping, power_spectra, tapered
from edge_app.core.types import SAMPLE_RATE, Floats

Doubles = NDArray[np.float64]

FRAME_LENGTH = SAMPLE_RATE // 50
FRAME_HOP = SAMPLE_RATE // 100
FFT_LENGTH = 512
HERTZ_PER_BIN = SAMPLE_RATE / FFT_LENGTH
BINS = FFT_LENGTH // 2 + 1

MEL_BANDS = 26
MEL_LOW, MEL_HIGH = 20.0, 8000.0
MEL_FLOOR = 2.0**-30
"""Least energy of a mel band: that of the last of 16 bits."""
POWER_FLOOR = 1e-14
"""Least power of a bin where decibels are taken: -140 dB."""

LOUDNESS_EXPONENT = 0.33
LOUDNESS_SCALE = 0.069017
HIGH_CORNER, HIGH_ORDER = 4606.0, 7
"""Where and how steeply the equal-loudness weight falls at high frequencies."""

COEFFICIENTS = 4
LIFTER = 22

BAND_EDGE = round(1000 / HERTZ_PER_BIN)
PEAK_EDGE = round(2000 / HERTZ_PER_BIN)
TOP = round(5000 / HERTZ_PER_BIN) + 1
SLOPE_BANDS = ((0, round(500 / HERTZ_PER_BIN)), (round(500 / HERTZ_PER_BIN), round(1500 / HERTZ_PER_BIN)))
SLOPE_TOP = SLOPE_BANDS[-1][1] + 1


def hertz_to_mel(frequency: Doubles) -> Doubles:
    """The mel scale of O'Shaughnessy: 1127 ln(1 + f / 700)."""
    return 1127.0 * np.log1p(np.asarray(frequency, dtype=np.float64) / 700.0)


def mel_to_hertz(mel: Doubles) -> Doubles:
    """The inverse of :func:`hertz_to_mel`."""
    return 700.0 * np.expm1(np.asarray(mel, dtype=np.float64) / 1127.0)


def mel_centres() -> Doubles:
    """Lower edge, centres and upper edge of the bands in mel, shape (bands + 2,)."""
    low, high = hertz_to_mel(np.array([MEL_LOW, MEL_HIGH]))
    centres: Doubles = np.linspace(low, high, MEL_BANDS + 2)
    return centres


def mel_filters() -> Doubles:
    """Triangular filters of unit height, straight in mel, shape (bins, bands).

    The first bin above the lower edge is left out, as in openSMILE.
    """
    bins = hertz_to_mel(np.linspace(0.0, SAMPLE_RATE / 2, BINS))
    corners = mel_centres()
    rising = (bins[:, None] - corners[None, :-2]) / np.diff(corners)[:-1]
    falling = (corners[None, 2:] - bins[:, None]) / np.diff(corners)[1:]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[np.searchsorted(bins, corners[0])] = 0.0
    return filters


def equal_loudness(frequency: Doubles) -> Doubles:
    """Hermansky's equal-loudness weight at the 40 dB level, with a fall at high frequencies."""
    square: Doubles = np.square(2 * np.pi * frequency)
    weight = (square + 56.8e6) * square**2 / ((square + 6.3e6) ** 2 * (square + 0.38e9))
    fall: Doubles = 1.0 + (frequency / HIGH_CORNER) ** HIGH_ORDER
    return weight / fall


def cepstral_weights() -> Doubles:
    """From log mel energies to MFCC 1 to 4, liftered, shape (bands, coefficients)."""
    order = np.arange(1, COEFFICIENTS + 1)
    cosines: Doubles = np.cos(np.pi * np.outer(np.arange(MEL_BANDS) + 0.5, order) / MEL_BANDS)
    lifter: Doubles = 1.0 + LIFTER / 2 * np.sin(np.pi * order / LIFTER)
    weights: Doubles = np.sqrt(2.0 / MEL_BANDS) * cosines * lifter
    return weights


def slope_weights() -> Doubles:
    """From decibels of bins to slopes in dB per hertz, shape (bins, slopes).

    Least squares, with the number of steps between bins in the place of the number of bins, as in openSMILE: a slope
    so depends on the level, too.
    """
    weights = np.zeros((SLOPE_TOP, len(SLOPE_BANDS)))
    for column, (first, last) in enumerate(SLOPE_BANDS):
        place, count = np.arange(first, last + 1), last - first
        spread = count * (place @ place) - place.sum() ** 2
        weights[first : last + 1, column] = (count * place - place.sum()) / spread / HERTZ_PER_BIN
    return weights


def decibels(power: Doubles) -> Doubles:
    """10 log10 of a power, at least -140."""
    return 10.0 * np.log10(np.maximum(power, POWER_FLOOR))


class SpectralDescriptors:
    """Streaming descriptors of 20 ms frames, not smoothed.

    The columns are loudness, alpha ratio (dB), Hammarberg index (dB), the slopes of 0-500 and 500-1500 Hz (dB/Hz),
    spectral flux, MFCC 1 to 4, and the mean square of the frame's samples.
    """

    dimension = 11
    frame_length = FRAME_LENGTH
    frame_hop = FRAME_HOP

    def __init__(self) -> None:
        self._taper = np.hamming(FRAME_LENGTH)
        bands = np.zeros((BINS, 2))
        bands[:BAND_EDGE, 0] = 1.0
        bands[BAND_EDGE:TOP, 1] = 1.0
        self._sums = FilterBank(np.hstack((mel_filters(), bands)))
        weight = equal_loudness(mel_to_hertz(mel_centres()[1:-1]))
        self._loudness = LOUDNESS_SCALE * weight**LOUDNESS_EXPONENT
        self._cepstrum = cepstral_weights()
        # From decibels of the two peaks, the two bands and single bins to the four columns of spectral balance.
        self._balance = np.zeros((4 + SLOPE_TOP, 4))
        self._balance[:4, :2] = [[0.0, 1.0], [0.0, -1.0], [-1.0, 0.0], [1.0, 0.0]]
        self._balance[4:, 2:] = slope_weights()
        self.reset()

    def reset(self) -> None:
        """Forget all audio; the next sample fed starts the first frame."""
        self._pending: Doubles = np.zeros(0)
        self._previous: Doubles | None = None

    def feed(self, samples: Floats) -> Floats:
        """Take the next samples and return the descriptors of the frames they complete.

        Args:
            samples: float32, shape (n,), in [-1, 1]; any n.

        Returns:
            float32, shape (frames, 11). The values do not depend on how the audio is cut into calls.
        """
        pending: Doubles = np.concatenate((self._pending, samples))
        count = max(0, (len(pending) - FRAME_LENGTH) // FRAME_HOP + 1)
        self._pending = pending[count * FRAME_HOP :].copy()
        if count == 0:
            return np.zeros((0, self.dimension), dtype=np.float32)
        frames = overlapping(pending, 0, count, FRAME_LENGTH, FRAME_HOP)
        power = power_spectra(tapered(frames, self._taper, FFT_LENGTH))
        result = np.empty((count, self.dimension), dtype=np.float32)
        sums = self._sums(power)
        logarithms = np.log(np.maximum(sums[:, :MEL_BANDS], MEL_FLOOR))
        # One product per frame here and below: a single one would round differently for different numbers of frames.
        result[:, 0] = np.vecdot(np.exp(LOUDNESS_EXPONENT * logarithms), self._loudness)
        result[:, 6:10] = np.matmul(logarithms[:, None], self._cepstrum)[:, 0]
        levels = np.empty((count, 4 + SLOPE_TOP))
        np.maximum.reduce(power[:, :PEAK_EDGE], axis=1, out=levels[:, 0])
        np.maximum.reduce(power[:, PEAK_EDGE:TOP], axis=1, out=levels[:, 1])
        levels[:, 2:4] = sums[:, MEL_BANDS:]
        levels[:, 4:] = power[:, :SLOPE_TOP]
        result[:, 1:5] = np.matmul(decibels(levels)[:, None], self._balance)[:, 0]
        result[:, 5] = self._flux(power[:, :TOP])
        result[:, 10] = np.vecdot(frames, frames) / FRAME_LENGTH
        return result

    def _flux(self, power: Doubles) -> Doubles:
        """How much the magnitudes up to 5 kHz differ from those of the frame before, shape (frames,)."""
        magnitudes = np.empty((len(power) + 1, TOP))
        np.sqrt(power, out=magnitudes[1:])
        magnitudes[0] = magnitudes[1] if self._previous is None else self._previous
        self._previous = magnitudes[-1].copy()
        change = magnitudes[1:] - magnitudes[:-1]
        flux: Doubles = np.sqrt(np.vecdot(change, change) / (TOP - 1))
        return flux
