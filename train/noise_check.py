"""What recordings of noise must be for a measurement, found out before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from edge_app.core.types import SAMPLE_RATE, seconds
from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.corpora import Utterance, utterance_length
from train.noise import NoiseBank, NoiseSource
from train.noise_streams import SpokenStream


def check_noise(
    sources: Sequence[NoiseSource], utterances: Sequence[Utterance], streams: Sequence[SpokenStream] = ()
) -> list[str]:
    """Refuse recordings that would have to be repeated within one utterance, or one stream of them.

    Args:
        sources: the noise; only recordings can be too short.
        utterances: those that it is added to.
        streams: those that it is added to, too.

    Returns:
        A line for each source some of whose recordings end below the band that speech is heard in.

    Raises:
        CorpusError: a source has too little.
        AudioFormatError: an utterance cannot be read.
    """
    banks = [source for source in sources if isinstance(source, NoiseBank)]
    if not banks:
        return []
    longest = max([utterance_length(utterance) for utterance in utterances], default=0)
    stream = max([len(stream.samples) for stream in streams], default=0)
    what = "stream of utterances" if stream > longest else "utterance"
    for bank in banks:
        if bank.length < max(longest, stream):
            raise CorpusError(
                f"{bank.folder}: {seconds(bank.length):.1f} s of noise without its silence, but the longest {what} is "
                f"{seconds(max(longest, stream)):.1f} s, and noise is never looped; add recordings"
            )
    return [_narrow(bank) for bank in banks if any(rate < SAMPLE_RATE for rate in bank.rates)]


def _narrow(bank: NoiseBank) -> str:
    narrow = [rate for rate in bank.rates if rate < SAMPLE_RATE]
    ends = sorted({f"{rate / 2000:g}" for rate in narrow}, key=float)
    return (
        f"{bank.folder}: {len(narrow)} of {counted(len(bank), 'recording')} sampled at less than "
        f"{SAMPLE_RATE // 1000} kHz; such noise ends at {' or '.join(ends)} kHz, and the speech above it stays clean"
    )
