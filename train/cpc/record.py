"""What a pre-trained encoder heard, and taking one for a recogniser to begin with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from edge_app.errors import ConfigurationError
from train.corpora import CORPORA, find_corpus, read_corpus
from train.corpora.manifest import is_manifest
from train.cpc.infonce import InfoNce
from train.cpc.speech import Heard
from train.nets.cpc import CpcEncoder
from train.whole import whole


def describe_heard(names: Sequence[str], root: Path | str | None, heard: Heard) -> dict[str, object]:
    """For each source licence and counts, as ``run.json`` holds them for labelled corpora.

    A corpus by name or manifest is counted and hashed whole; of a folder, which nobody lists, what is known is how
    many recordings were heard.
    """
    described: dict[str, object] = {}
    for name in names:
        corpus = find_corpus(name)
        entry: dict[str, object] = {"licence": corpus.licence, "shippable": corpus.shippable, "unlabelled": True}
        if name in CORPORA or is_manifest(name):
            utterances = read_corpus(name, None if is_manifest(name) else root)
            digest = hashlib.sha256()
            for utterance in utterances:
                digest.update(f"{utterance.path.name} {utterance.label}\n".encode())
                digest.update(utterance.path.read_bytes())
            speakers = len({utterance.speaker for utterance in utterances})
            entry |= {"utterances": len(utterances), "speakers": speakers, "sha256": digest.hexdigest()}
        else:
            entry |= {"utterances": len(heard.recordings), "speakers": 0, "sha256": ""}
        described[corpus.name] = {**entry, "validation_speakers": []}
    return described


def load_pretrained(path: Path, encoder: CpcEncoder, contrast: InfoNce | None = None) -> dict[str, Any]:
    """Put pre-trained weights into an encoder, and into the prediction functions where there are some.

    Args:
        path: folder that ``edge-ser pretrain`` wrote.
        encoder: of the same sizes.
        contrast: of the same sizes and steps ahead.

    Returns:
        The contents of ``pretrain.json``.

    Raises:
        ConfigurationError: it is no such folder, or its encoder has other sizes.
    """
    if not (path / "pretrain.json").is_file():
        unfinished = (path / "checkpoints").is_dir()
        hint = "continue it with edge-ser pretrain --resume" if unfinished else "make it with edge-ser pretrain"
        raise ConfigurationError(f"[cpc] pretrained = {str(path)!r}: no pre-trained encoder there; {hint}")
    weights = torch.load(whole(path / "encoder.pt", "pre-train it again"), weights_only=True)
    try:
        encoder.load_state_dict(weights["encoder"])
        if contrast is not None:
            contrast.load_state_dict(weights["contrast"])
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise ConfigurationError(
            f"{path}: its encoder has other sizes than this experiment's ({reason}); give [model] the same"
        ) from None
    record: dict[str, Any] = json.loads((path / "pretrain.json").read_text(encoding="utf-8"))
    return record
