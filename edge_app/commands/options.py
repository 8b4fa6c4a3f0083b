"""The options that ``listen`` and ``analyze`` share: how audio becomes estimates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from edge_app.core.smoothing import SmoothingSettings
from edge_app.settings import PipelineSettings
from edge_app.vad import DETECTORS

CHANNEL = click.option(
    "--channel", type=click.IntRange(min=1), metavar="N",
    help="Hear this channel alone, counted from 1. Default: the mean of all.",
)  # fmt: skip

OPTIONS = (
    click.option("--model", default="default", show_default=True, help="Name or folder of a model bundle."),
    click.option("--variant", type=click.Choice(["fp32", "int8"]), help="Default: int8 where the bundle has it."),
    click.option("--hop", type=float, metavar="SECONDS",
                 help="Time between estimates, 0.1 to 1.0. Default: the model's."),
    click.option("--vad", type=click.Choice(list(DETECTORS)), default="webrtc", show_default=True,
                 help="Voice activity detector; silero is an extra, always calls everything speech."),
    click.option("--baseline", metavar="none|adaptive|NAME|FILE",
                 help="What is usual: the training set's, what is heard, or who enrolled. Default: the model's."),
    click.option("--memory", type=float, metavar="SECONDS",
                 help="How far a model with a state looks back, 2 to 10. Default: the model's."),
    click.option("--smoothing", type=click.FloatRange(min=0), metavar="SECONDS",
                 default=SmoothingSettings().time_constant, show_default=True,
                 help="Time constant of the rolling estimate; 0 shows each window by itself."),
)  # fmt: skip


def pipeline_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which receives them as one argument, ``pipeline``."""

    @functools.wraps(command)
    def with_settings(
        model: str,
        variant: str | None,
        hop: float | None,
        vad: str,
        baseline: str | None,
        memory: float | None,
        smoothing: float,
        **others: Any,
    ) -> None:
        settings = PipelineSettings(
            model, variant, hop, vad, smoothing_settings(smoothing), baseline=baseline, memory=memory
        )
        command(pipeline=settings, **others)

    decorated: Callable[..., None] = with_settings
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


def smoothing_settings(time_constant: float) -> SmoothingSettings:
    """Smoothing of a time constant in seconds; at 0 the label follows every window too."""
    if time_constant == 0:
        return SmoothingSettings(time_constant=0.0, margin=0.0, forget_after=0.0)
    return SmoothingSettings(time_constant=time_constant)
