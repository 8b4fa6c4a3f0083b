"""An update next to what openSMILE needs for its features alone."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edge_app.bench.figures import Figure, Subject, timed
from edge_app.bench.machine import one_core
from edge_app.bench.speech import read_speech
from edge_app.bench.update import warm_updates
from edge_app.bundle import load_bundle
from edge_app.core.types import SAMPLE_RATE, Floats

UPDATES_PER_ROUND = 10
PEER = "openSMILE eGeMAPSv02, the same second"


def measure_peer(subject: Subject) -> Iterator[Figure]:
    """Time updates of the preferred variant and openSMILE in turns, on one core."""
    functionals = egemaps()
    if functionals is None:
        yield Figure("peer_egemaps", PEER, "ms", None, count=0, note="opensmile is not installed")
        return
    speech = read_speech(subject.speech)
    variant, _ = load_bundle(subject.model).variant_path()
    own, other = [], []
    with one_core():
        updates = warm_updates(subject, variant)
        for _ in range(max(1, subject.updates // UPDATES_PER_ROUND)):
            seconds, estimate = updates.next()
            window = speech[np.arange(estimate.start, estimate.end) % len(speech)]
            began = time.perf_counter()
            functionals(window)
            other.append(time.perf_counter() - began)
            own.append(seconds)
    yield timed("peer_update", f"one update, {variant}, in turns with it", own)
    yield timed("peer_egemaps", PEER, other)
    ratio = float(np.median(other) / np.median(own))
    yield Figure("peer_ratio", "openSMILE over update", "", ratio, count=len(own))


def egemaps() -> Callable[[Floats], Any] | None:
    """The functionals eGeMAPSv02 of a stretch of 16 kHz audio, by openSMILE; None where it is not installed."""
    try:
        # By name: its licence allows research only, so nothing of the program may depend on it.
        opensmile = importlib.import_module("opensmile")
    except ImportError:
        return None
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, num_workers=1)

    def functionals(window: Floats) -> Any:
        return smile(window, SAMPLE_RATE)

    functionals(np.zeros(SAMPLE_RATE, dtype=np.float32))
    return functionals
