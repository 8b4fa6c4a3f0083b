"""The names and order of eGeMAPS as the field writes them, which are those of openSMILE's eGeMAPSv02.

The set: Eyben et al., IEEE Transactions on Affective Computing 7(2), 2016.
"""

from __future__ import annotations

PITCH = "F0semitoneFrom27.5Hz"
LOUDNESS = "Loudness"
CEPSTRUM = ("mfcc1", "mfcc2", "mfcc3", "mfcc4")
BALANCE = ("alphaRatio", "hammarbergIndex", "slope0-500", "slope500-1500")
FLUX = "spectralFlux"
QUALITY = ("jitterLocal", "shimmerLocaldB", "HNRdBACF", "logRelF0-H1-H2", "logRelF0-H1-A3")
FORMANTS = tuple(f"F{number}{part}" for number in (1, 2, 3) for part in ("frequency", "bandwidth", "amplitudeLogRelF0"))
BY_FORMANTS = ("logRelF0-H1-A3", *FORMANTS)
"""Descriptors that need the formants."""

SPECTRAL = (LOUDNESS, *BALANCE, FLUX, *CEPSTRUM)
VOICE = (PITCH, *QUALITY, *FORMANTS)
DESCRIPTORS = (*(f"{name}_sma3" for name in SPECTRAL), *(f"{name}_sma3nz" for name in VOICE))
"""The 25 descriptors of a frame: those of the spectrum of every frame, then those of the voice in voiced frames."""

BY_VOICING = (*BALANCE, FLUX, *CEPSTRUM)
"""Spectral descriptors that are also averaged with neighbours of their own kind only, voiced or unvoiced."""

LOUDNESS_COLUMN = 0
FLUX_COLUMN = SPECTRAL.index(FLUX)
PITCH_COLUMN = len(SPECTRAL)
BY_VOICING_COLUMN = len(DESCRIPTORS)
POWER_COLUMN = BY_VOICING_COLUMN + len(BY_VOICING)
ANALYSED_COLUMN = POWER_COLUMN + 1
COLUMNS = ANALYSED_COLUMN + 1
"""Numbers in a frame: the descriptors; those ``BY_VOICING``; its mean square; whether voice could be heard in it."""

MOMENTS = ("amean", "stddevNorm")
CONTOUR = (
    *MOMENTS,
    "percentile20.0", "percentile50.0", "percentile80.0", "pctlrange0-2",
    "meanRisingSlope", "stddevRisingSlope", "meanFallingSlope", "stddevFallingSlope",
)  # fmt: skip
TEMPORAL = (
    "loudnessPeaksPerSec",
    "VoicedSegmentsPerSec",
    "MeanVoicedSegmentLengthSec",
    "StddevVoicedSegmentLengthSec",
    "MeanUnvoicedSegmentLength",
    "StddevUnvoicedSegmentLength",
    "equivalentSoundLevel_dBp",
)


def _among(name: str, frames: str) -> str:
    """The name of a spectral descriptor over voiced (V) or unvoiced (UV) frames only."""
    stem = name.rstrip("0123456789-") if name.startswith("slope") else name
    return f"{stem}{frames}{name[len(stem) :]}_sma3nz"


FUNCTIONALS = (
    *(f"{PITCH}_sma3nz_{part}" for part in CONTOUR),
    *(f"{LOUDNESS.lower()}_sma3_{part}" for part in CONTOUR),
    *(f"{name}_sma3_{part}" for name in (FLUX, *CEPSTRUM) for part in MOMENTS),
    *(f"{name}_sma3nz_{part}" for name in (*QUALITY, *FORMANTS) for part in MOMENTS),
    *(f"{_among(name, 'V')}_{part}" for name in BY_VOICING for part in MOMENTS),
    *(f"{_among(name, 'UV')}_amean" for name in (*BALANCE, FLUX)),
    *TEMPORAL,
)
"""The 88 functionals of a window."""

WITHOUT_FORMANTS = tuple(name for name in FUNCTIONALS if not name.startswith(BY_FORMANTS))
"""The 68 functionals that need no formants."""
