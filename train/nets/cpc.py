"""Contrastive predictive coding with an attention recogniser (Li et al., ICASSP 2021), as a net that is streamed.

An encoder f turns every four frames of log-mel into a latent step ``z``; an autoregressive g, a GRU, reads the latents
so far into a context ``c``. Both only look back, so they run hop by hop with a state that is handed on. Multi-head
self-attention (Vaswani et al. 2017) reads the contexts of the last seconds; ``u = [mean(U); std(U)]`` of what it
answers is the embedding of the utterance, and the heads read that.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_app.errors import ConfigurationError
from edge_app.runtime.state import StateSpec, StateTensor
from train.nets.base import EmotionNet, NetOutput, StreamNet

STEP = 4
"""Frames in a step: 64 ms."""

KERNEL = 3
"""Steps that a latent is made of: its own and those before it."""

CLIP = 5.0
"""Features beyond five deviations are clipped: clicks and digital silence say nothing about emotion."""

FORGETS = 1 / 48
"""Share of the usual spectrum that a step renews: it is that of the last three seconds, more or less."""

PRIOR = 4
"""Steps of the training mean that the usual spectrum begins with."""

SMALLEST_VARIANCE = 1e-5
STEPS_PER_SECOND = 16000 / 256 / STEP


class EncoderState(NamedTuple):
    """What the encoder keeps from the audio so far.

    Attributes:
        usual: sums of the bands and, last, of the weights, of which the usual spectrum is the mean, shape
            (batch, 1, bands + 1).
        past: the newest steps before f's last layer, shape (batch, KERNEL - 1, width).
        hidden: the GRU's state, which is also the newest context, shape (batch, 1, context).
    """

    usual: Tensor
    past: Tensor
    hidden: Tensor


class Encoding(NamedTuple):
    """Latents and contexts, one of each for a step.

    Attributes:
        latents: z, shape (batch, steps, width).
        contexts: c, shape (batch, steps, context).
        state: what to go on from.
    """

    latents: Tensor
    contexts: Tensor
    state: EncoderState


class CpcEncoder(nn.Module):
    """f and g.

    f sees each frame in two views, as ``chunk-cnn`` does: less the level of the last seconds, and less their spectrum,
    which takes away microphone and room. Both are weighted means of the steps so far, the present one among them.

    Normalisation is over the channels of a step: what batch normalisation tells of the batch would help to find the
    future without predicting it (Riviere et al., ICASSP 2020).

    Args:
        bands: mel bands.
        width: numbers in a latent.
        context: numbers in a context.
    """

    def __init__(self, bands: int, width: int, context: int) -> None:
        super().__init__()
        self.bands, self.width, self.context = bands, width, context
        self.patch = nn.Conv1d(2 * bands, width, STEP, stride=STEP)
        self.patch_norm = nn.LayerNorm(width)
        self.local = nn.Conv1d(width, width, KERNEL)
        self.local_norm = nn.LayerNorm(width)
        self.recurrent = nn.GRU(width, context, batch_first=True)

    def start(self, batch: int) -> EncoderState:
        """The state before any audio: zeros."""
        like = self.patch.weight
        return EncoderState(
            like.new_zeros(batch, 1, self.bands + 1),
            like.new_zeros(batch, KERNEL - 1, self.width),
            like.new_zeros(batch, 1, self.context),
        )

    def forward(self, features: Tensor, state: EncoderState) -> Encoding:
        """Read standardised frames, shape (batch, frames, bands); those after the last whole step are not read."""
        views, usual = self._views(features.clamp(-CLIP, CLIP), state.usual)
        steps = self.patch(views.transpose(1, 2)).transpose(1, 2)
        steps = torch.cat((state.past, F.relu(self.patch_norm(steps))), dim=1)
        latents = F.relu(self.local_norm(self.local(steps.transpose(1, 2)).transpose(1, 2)))
        contexts, hidden = self.recurrent(latents, state.hidden.transpose(0, 1).contiguous())
        return Encoding(latents, contexts, EncoderState(usual, steps[:, 1 - KERNEL :], hidden.transpose(0, 1)))

    def _views(self, features: Tensor, usual: Tensor) -> tuple[Tensor, Tensor]:
        """Both views of the frames of whole steps, shape (batch, frames, 2 * bands), and the sums after them."""
        count = features.shape[1] // STEP
        frames = features[:, : count * STEP].reshape(-1, count, STEP, self.bands)
        each = torch.cat((frames.mean(dim=2), torch.ones_like(frames[:, :, 0, :1])), dim=2)
        place = torch.arange(count, device=features.device)
        ago = (place[:, None] - place).to(features.dtype)
        weight = torch.where(ago >= 0, FORGETS * (1 - FORGETS) ** ago.clamp(min=0), 0.0)
        before = (1 - FORGETS) ** (place[:, None] + 1).to(features.dtype)
        sums = weight @ each + before * usual
        heard = sums[:, :, -1:]
        mean = (sums[:, :, :-1] / (heard + PRIOR * FORGETS * (1 - heard))).unsqueeze(2)
        views = torch.cat((frames - mean.mean(dim=3, keepdim=True), frames - mean), dim=3)
        return views.reshape(-1, count * STEP, 2 * self.bands), sums[:, -1:]

    def __call__(self, features: Tensor, state: EncoderState) -> Encoding:
        """Typed access to ``forward``."""
        encoding: Encoding = super().__call__(features, state)
        return encoding


class SelfAttention(nn.Module):
    """``softmax(Q K' / sqrt(d_k)) V`` per head, the heads concatenated and mapped by ``W_O``.

    Args:
        size: numbers in a context, a multiple of ``heads``.
        heads: h.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or size % heads:
            raise ConfigurationError(f"[model] context = {size} is no multiple of heads = {heads}")
        self.heads = heads
        self.query = nn.Linear(size, size, bias=False)
        self.key = nn.Linear(size, size, bias=False)
        self.value = nn.Linear(size, size, bias=False)
        self.output = nn.Linear(size, size, bias=False)

    def forward(self, contexts: Tensor) -> Tensor:
        """Read contexts, shape (batch, steps, size); the answer U has the same shape."""
        query, key, value = (self._split(layer(contexts)) for layer in (self.query, self.key, self.value))
        scores = query @ key.transpose(2, 3) / (query.shape[3] ** 0.5)
        heads = torch.softmax(scores, dim=3) @ value
        return self.output(heads.transpose(1, 2).flatten(2))

    def _split(self, values: Tensor) -> Tensor:
        """Shape (batch, steps, size) as (batch, heads, steps, size / heads)."""
        return values.unflatten(2, (self.heads, -1)).transpose(1, 2)


class CpcAttentionNet(EmotionNet):
    """See the module.

    Args:
        shape: (frames, mel bands); how many frames does not matter.
        classes: classes of the head.
        width: numbers in a latent.
        context: numbers in a context.
        heads: heads of the attention.
        dense: units of the layer before the dimensions.
        dropout: share of the embedding dropped in training.
    """

    reads: ClassVar[Literal["frames", "functionals", "stream"]] = "stream"
    contrasts: ClassVar[bool] = True

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        width: int = 128,
        context: int = 128,
        heads: int = 4,
        dense: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.encoder = CpcEncoder(shape[1], width, context)
        self.attention = SelfAttention(context, heads)
        self.embedding_size = 2 * context
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(self.embedding_size, classes)
        self.affect = nn.Sequential(nn.Linear(self.embedding_size, dense), nn.ReLU(), nn.Linear(dense, 3))

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised frames of an utterance, shape (batch, frames, bands), at least a step of them."""
        return self.read(self.encoder(features, self.encoder.start(len(features))).contexts)

    def read(self, contexts: Tensor) -> NetOutput:
        """What the recogniser makes of contexts, shape (batch, steps, context)."""
        answers = self.attention(contexts)
        mean = answers.mean(dim=1)
        deviation = torch.sqrt(((answers - mean.unsqueeze(1)) ** 2).mean(dim=1) + SMALLEST_VARIANCE)
        embedding = torch.cat((mean, deviation), dim=1)
        dropped = self.dropout(embedding)
        return NetOutput(self.emotion(dropped), torch.tanh(self.affect(dropped)), embedding)

    def for_device(self) -> CpcStream:
        """The net as it is run hop by hop."""
        return CpcStream(self)


class CpcStream(StreamNet):
    """One hop: frames and the state before them to an estimate and the state after them.

    Args:
        net: the net.
    """

    def __init__(self, net: CpcAttentionNet) -> None:
        super().__init__()
        self.net = net
        encoder = net.encoder
        self.state = StateSpec(
            frames=STEP,
            tensors=(
                StateTensor("usual", (1, 1, encoder.bands + 1)),
                StateTensor("past", (1, KERNEL - 1, encoder.width)),
                StateTensor("hidden", (1, 1, encoder.context)),
                StateTensor("contexts", (1, 0, encoder.context), rate=STEPS_PER_SECOND),
            ),
        )

    def forward(
        self, features: Tensor, usual: Tensor, past: Tensor, hidden: Tensor, contexts: Tensor
    ) -> tuple[Tensor, ...]:
        """Logits, dimensions, and the state in the order in which it came in."""
        encoding = self.net.encoder(features, EncoderState(usual, past, hidden))
        contexts = torch.cat((contexts, encoding.contexts), dim=1)
        output = self.net.read(contexts)
        return (output.logits, output.dimensions, *encoding.state, contexts)
