"""Finished trainings on disk: a study that is broken off goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from train.deepcluster.experiment import VARIANTS, Study, run_variant, settings_of


def study_digest(study: Study) -> str:
    """A name that changes with anything that would change the figures of any variant."""
    digest = hashlib.sha256(torch.__version__.encode())
    for numbers in study.roles.values():
        digest.update(numbers.tobytes())
    for store in (study.store, study.unlabelled):
        digest.update(np.ascontiguousarray(store.frames).tobytes() + store.windows.tobytes() + store.speech.tobytes())
    for utterance in study.store.utterances:
        digest.update(f"{utterance.speaker} {utterance.label} {utterance.arousal} {utterance.valence}".encode())
    return digest.hexdigest()


def kept_result(study: Study, name: str, seed: int, digest: str, cache: Path) -> dict[str, Any]:
    """What a variant got with a seed, from the cache if it is there; see :func:`run_variant`.

    Args:
        study: what is studied.
        name: a key of ``VARIANTS``.
        seed: of weights and draws.
        digest: of the study.
        cache: folder that keeps results.
    """
    settings = json.dumps([VARIANTS[name], settings_of(study.config, VARIANTS[name]).with_seed(seed).as_dict()])
    path = cache / f"deepcluster-{hashlib.sha256((digest + settings).encode()).hexdigest()[:24]}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    result = run_variant(study, name, seed)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(result) + "\n", encoding="utf-8")
    partial.rename(path)
    return result
