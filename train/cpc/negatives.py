"""What the true future is told apart from: latents drawn from the same utterance, from others, or from both."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_negatives(
    lengths: Tensor, steps: int, count: int, kind: str, generator: torch.Generator | None = None
) -> Tensor:
    """Draw latents for every utterance of a batch, uniformly over the steps that have audio.

    All predictions of an utterance are told apart from the same ones, which makes them one product of matrices.
    ``utterance`` draws from the utterance itself, which teaches what changes within it; ``batch`` from the other
    utterances, which teaches speakers and channels, too; ``mixed`` takes half of them each way.

    Args:
        lengths: steps of each utterance that have audio, shape (batch,), at least 1.
        steps: steps of each utterance, padding included.
        count: N - 1, how many are drawn for each utterance.
        kind: where from: ``utterance``, ``batch`` or ``mixed``. An utterance that is alone in its batch gives all of
            them itself.
        generator: where the chance comes from; None for torch's own.

    Returns:
        int64, shape (batch, count): places in the batch's latents, flattened to (batch * steps, width).
    """
    batch = len(lengths)
    shape = (batch, count)
    owner = torch.arange(batch)[:, None].expand(shape)
    if kind != "utterance" and batch > 1:
        other = (owner + torch.randint(1, batch, shape, generator=generator)) % batch
        own = count // 2 if kind == "mixed" else 0
        owner = torch.where(torch.arange(count) < own, owner, other)
    place = (torch.rand(shape, generator=generator) * lengths[owner]).long()
    return owner * steps + torch.minimum(place, lengths[owner] - 1)
