"""Any rate to 16 kHz, as a stream."""

from __future__ import annotations

import numpy as np

from edge_app.core.types import SAMPLE_RATE, Floats


class Resampler:
    """Resamples one channel with soxr's high quality.

    The samples do not depend on how the audio is cut into calls, and n samples become n * 16000 / rate, rounded.

    Args:
        rate: sampling rate of the input in hertz.
    """

    def __init__(self, rate: int) -> None:
        self._stream = None
        if rate != SAMPLE_RATE:
            import soxr  # only where it is needed: it costs 25 MB

            self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def feed(self, samples: Floats) -> Floats:
        """Take the next samples, float32, shape (n,); return them at 16 kHz, float32, shape (m,).

        At another rate than 16 kHz the answer comes in bursts, some 40 ms late.
        """
        mono = np.ascontiguousarray(samples, dtype=np.float32)
        return mono if self._stream is None else self._converted(mono, last=False)

    def flush(self) -> Floats:
        """Return what is still inside, shape (m,). The stream is over after that."""
        nothing = np.zeros(0, dtype=np.float32)
        return nothing if self._stream is None else self._converted(nothing, last=True)

    def _converted(self, mono: Floats, last: bool) -> Floats:
        assert self._stream is not None
        converted: Floats = self._stream.resample_chunk(mono, last=last)
        return converted
