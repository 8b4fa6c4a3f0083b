"""What one update costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge_app.app import open_pipeline
from edge_app.bench.figures import Figure, Subject, timed
from edge_app.bench.machine import one_core
from edge_app.bench.speech import endless, read_speech
from edge_app.bundle import load_bundle
from edge_app.core.types import Estimate, Floats, samples
from edge_app.errors import ConfigurationError
from edge_app.pipeline import Pipeline
from edge_app.settings import PipelineSettings

HOP = 0.25
WARM_UP = 200
PATIENCE = samples(60.0)


class Updates:
    """Feeds a pipeline as a microphone does and times its updates.

    Args:
        pipeline: what is timed.
        speech: what it hears, over and over.
    """

    def __init__(self, pipeline: Pipeline, speech: Floats) -> None:
        self._pipeline = pipeline
        self._blocks = endless(speech)
        self._patience = len(speech) + PATIENCE

    def next(self) -> tuple[float, Estimate]:
        """The seconds that the next update with speech takes, and its estimate.

        Raises:
            ConfigurationError: no speech is found in the whole file.
        """
        spent, heard = 0.0, 0
        while heard < self._patience:
            block = next(self._blocks)
            heard += len(block.samples)
            began = time.perf_counter()
            estimates = self._pipeline.feed(block)
            spent += time.perf_counter() - began
            if not estimates:
                continue
            if estimates[-1].state != "no-speech":
                return spent, estimates[-1]
            spent = 0.0
        raise ConfigurationError("no speech was found in the file; give --input a recording of speech")


def warm_updates(subject: Subject, variant: str) -> Updates:
    """Updates of a variant, after those that fill caches."""
    settings = PipelineSettings(model=subject.model, variant=variant, hop=HOP)
    updates = Updates(open_pipeline(settings), read_speech(subject.speech))
    for _ in range(min(WARM_UP, subject.updates)):
        updates.next()
    return updates


def measure_updates(subject: Subject) -> Iterator[Figure]:
    """Time updates of every variant of the model, at a hop of 0.25 s, on one core."""
    for variant in sorted(load_bundle(subject.model).variants, reverse=True):
        with one_core():
            updates = warm_updates(subject, variant)
            times = [updates.next()[0] for _ in range(subject.updates)]
        yield timed(f"update_{variant}", f"one update, {variant}", times)
