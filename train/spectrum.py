"""Augmentation of log-mel windows, drawn anew each time a window is seen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from train.config import SpectrumConfig

EQUALISER_POINTS = 6
MARGIN = 6
"""Frames on either side of a window that stretching may draw in."""


def vary_spectrum(frames: Tensor, config: SpectrumConfig, generator: torch.Generator) -> Tensor:
    """Change level, microphone response, tempo and vocal tract of each window.

    Args:
        frames: decibels, shape (batch, frames + 2 * MARGIN, bands).
        config: ranges.
        generator: source of everything drawn.

    Returns:
        Decibels, shape (batch, frames, bands).
    """
    batch, length, bands = frames.shape
    gain = _uniform((batch, 1, 1), config.gain, generator)
    response = torch.randn((batch, 1, EQUALISER_POINTS), generator=generator) * config.equaliser
    frames = frames + gain + F.interpolate(response, size=bands, mode="linear", align_corners=True)
    kept = length - 2 * MARGIN
    time = torch.linspace(-1, 1, kept) * ((kept - 1) / (length - 1))
    time = time * (1 + _uniform((batch, 1), config.stretch, generator))
    band = torch.linspace(-1, 1, bands) + _uniform((batch, 1), 2 * config.shift / bands, generator)
    grid = torch.stack(
        (band[:, None, :].expand(batch, kept, bands), time[:, :, None].expand(batch, kept, bands)), dim=-1
    )
    return F.grid_sample(frames[:, None], grid, padding_mode="border", align_corners=True)[:, 0]


def mask_spectrum(features: Tensor, config: SpectrumConfig, generator: torch.Generator) -> Tensor:
    """Set one stretch of bands and one of frames of each window to its usual value, 0 after standardisation."""
    batch, frames, bands = features.shape
    hidden_bands = _stretch(batch, bands, config.mask_bands, generator)
    hidden_frames = _stretch(batch, frames, config.mask_frames, generator)
    return features.masked_fill(hidden_bands[:, None, :] | hidden_frames[:, :, None], 0.0)


def mix(
    features: Tensor, targets: list[Tensor], alpha: float, generator: torch.Generator
) -> tuple[Tensor, list[Tensor]]:
    """Mixup: each window and its targets become a convex mixture with those of another, mostly itself."""
    weight = torch._sample_dirichlet(torch.full((len(features), 2), alpha), generator).amax(1)
    other = torch.randperm(len(features), generator=generator)

    def blend(values: Tensor) -> Tensor:
        share = weight.reshape(-1, *[1] * (values.dim() - 1))
        return share * values + (1 - share) * values[other]

    return blend(features), [blend(target) for target in targets]


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(shape, generator=generator) - 1) * bound


def _stretch(batch: int, length: int, widest: int, generator: torch.Generator) -> Tensor:
    width = torch.rand((batch, 1), generator=generator) * widest
    start = torch.rand((batch, 1), generator=generator) * (length - width)
    position = torch.arange(length)
    return (position >= start) & (position + 1 <= start + width)
