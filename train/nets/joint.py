"""A net that hears with two ears: convolutions on the mel spectrum of a second, and its eGeMAPS.

The spectrum's branch is that of :class:`~train.nets.chunk_cnn.ChunkCnn`; it takes level and colour out of every window,
so it travels well and has little use for a wearer's baseline. The other branch reads functionals of eGeMAPS, which say
most of what they say relative to what is usual for a speaker. One linear layer reads both embeddings, so the logits are
a sum of what each branch says. Functionals fit the training corpora better than a new one, so they count for less once
training is over; what noise does to the classes is taken back then, as far as noise is heard. Training silences one
branch or the other now and then, so that neither leaves the work to the one that learns faster (modality dropout,
Neverova et al., "ModDrop", IEEE TPAMI 38(8), 2016).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_app.core.features import LogMelEgemaps
from edge_app.errors import ConfigurationError
from train.nets.base import EmotionNet, NetOutput
from train.nets.chunk_cnn import CLIP, ChunkCnn, two_views
from train.nets.noise_shift import NoiseShift


class JointNet(EmotionNet):
    """See the module.

    Args:
        shape: (frames, mel bands + functionals).
        classes: classes of the head.
        width: channels of every convolution.
        hidden: units of the layer that reads the functionals.
        dropout: share of each embedding dropped in training.
        silence: chance that a branch is silenced for a window in training; never both.
        noise: deviation of the noise on the functionals in training, in their deviations.
        voice: how much of what the functionals say to the classes counts when training is over, in [0, 1].

    Raises:
        ConfigurationError: the features are not those of :class:`~edge_app.core.features.LogMelEgemaps`.
    """

    hears_noise = True
    share: Tensor

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        width: int = 56,
        hidden: int = 64,
        dropout: float = 0.3,
        silence: float = 0.2,
        noise: float = 0.3,
        voice: float = 0.25,
    ) -> None:
        super().__init__()
        both = LogMelEgemaps()
        if shape[1] != both.size:
            raise ConfigurationError(f"[data] features: net 'joint' reads {both.kind}; choose that")
        self.bands = both.bands
        self.spectrum = ChunkCnn((shape[0], self.bands), classes, width, dropout).trunk
        self.voice = nn.Sequential(
            nn.Linear(both.size - self.bands, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()
        )
        self.sizes = [2 * width, hidden]
        self.embedding_size = sum(self.sizes)
        self.silence, self.noise = silence, noise
        self.register_buffer(
            "share", torch.cat((torch.ones(2 * width), torch.full((hidden,), voice))), persistent=False
        )
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(self.embedding_size, classes)
        self.affect = nn.Linear(self.embedding_size, 3)
        self.noise_shift = NoiseShift(self.embedding_size, classes)

    def forward(self, features: Tensor) -> NetOutput:
        """Map standardised features, shape (batch, frames, bands + functionals), to classes and dimensions."""
        clipped = features.clamp(-CLIP, CLIP)
        functionals = clipped[:, 0, self.bands :]
        if self.training and self.noise > 0:
            functionals = functionals + self.noise * torch.randn_like(functionals)
        embedding = torch.cat((two_views(self.spectrum, clipped[:, :, : self.bands]), self.voice(functionals)), dim=1)
        if self.training and self.silence > 0:
            embedding = embedding * self._heard(len(features))
        read = self.dropout(embedding)
        logits = self.emotion(read) if self.training else self.emotion(read * self.share) + self.noise_shift(embedding)
        return NetOutput(logits, torch.tanh(self.affect(read)), embedding)

    def soften(self, temperature: float) -> None:
        """Divide the logits by a temperature, what noise adds to them, too."""
        super().soften(temperature)
        self.noise_shift.shift.data.div_(temperature)

    def _heard(self, count: int) -> Tensor:
        """1 or 0 for each unit of the embeddings, shape (count, embedding)."""
        drawn = torch.rand(count)
        voice, spectrum = drawn >= self.silence, drawn < 1 - self.silence
        return torch.cat(
            [each[:, None].float().expand(-1, size) for each, size in zip((spectrum, voice), self.sizes, strict=True)],
            dim=1,
        )
