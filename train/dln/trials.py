"""Finished trials on disk: a study that is broken off goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from train.dln.experiment import Result, Study, run_trial


def study_digest(study: Study) -> str:
    """A name that changes with anything that would change a trial's figures."""
    digest = hashlib.sha256(json.dumps([study.config.as_dict(), study.judged, torch.__version__]).encode())
    for numbers in study.roles.values():
        digest.update(numbers.tobytes())
    for utterance in study.utterances:
        digest.update(f"{utterance.speaker} {utterance.label} {utterance.arousal} {utterance.valence}".encode())
    for key in sorted(study.features):
        digest.update(f"{key}".encode() + np.ascontiguousarray(study.features[key]).tobytes())
    return digest.hexdigest()[:24]


def kept_trial(study: Study, trial: int, digest: str, cache: Path) -> list[Result]:
    """A trial's results, from the cache if they are there.

    Args:
        study: what is studied.
        trial: its number.
        digest: of the study.
        cache: folder that keeps them.
    """
    path = cache / f"dln-{digest}-{trial}.npz"
    if path.is_file():
        with np.load(path) as stored:
            return [
                Result(net, condition, stored[f"moments{at}"], stored[f"confusion{at}"], analysis)
                for at, (net, condition, analysis) in enumerate(json.loads(str(stored["index"])))
            ]
    results = list(run_trial(study, trial))
    index = json.dumps([(result.net, result.condition, result.analysis) for result in results])
    arrays = {f"moments{at}": result.moments for at, result in enumerate(results)}
    arrays |= {f"confusion{at}": result.confusion for at, result in enumerate(results)}
    partial = path.with_suffix(".part")
    cache.mkdir(parents=True, exist_ok=True)
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, index=np.array(index), **arrays)
    partial.rename(path)
    return results
