"""Settings of a listening session, checked when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from edge_app.core.smoothing import SmoothingSettings
from edge_app.errors import ConfigurationError

Interface: TypeAlias = Literal["tui", "plain", "jsonl"]


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How audio becomes estimates.

    Attributes:
        model: ``default``, the name of a shipped bundle, or the path of a bundle folder.
        variant: ``fp32`` or ``int8``; None takes int8 where the bundle has it.
        hop: seconds between estimates, 0.1 to 1.0; None takes the bundle's.
        vad: name of the voice activity detector.
        smoothing: rolling mean and label hysteresis.
        min_speech: fraction of a window that must be speech; None takes the bundle's.
        baseline: ``none``, ``adaptive``, the name of an enrolled baseline or its file; None takes the bundle's choice.
        memory: seconds that a model with a state looks back, 2 to 10; None takes the bundle's.
    """

    model: str = "default"
    variant: str | None = None
    hop: float | None = None
    vad: str = "webrtc"
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    min_speech: float | None = None
    baseline: str | None = None
    memory: float | None = None

    def __post_init__(self) -> None:
        for name in ("hop", "min_speech", "memory"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ConfigurationError(f"{name} is {value}; it must be a number")


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """A listening session.

    Attributes:
        pipeline: how audio becomes estimates.
        source: a file, ``-`` for standard input, or None for a microphone.
        device: name or number of the input device; None takes the system's default.
        realtime: a file is played at the pace of the clock.
        ui: where estimates are shown; None takes the terminal interface for live audio on a terminal, plain lines for
            other audio there, and JSON lines where standard output is not a terminal.
        output: a file that receives the estimates too, or None.
        channel: the channel of the source that is heard alone, counted from 1; None hears the mean of all.
    """

    pipeline: PipelineSettings = field(default_factory=PipelineSettings)
    source: str | None = None
    device: str | None = None
    realtime: bool = False
    ui: Interface | None = None
    output: str | None = None
    channel: int | None = None
