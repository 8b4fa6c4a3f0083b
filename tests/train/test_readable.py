"""Recordings that cannot be used are sorted out, each with the right reason."""

from __future__ import annotations

import soundfile

from train.corpora import Utterance
from train.readable import skip_broken


def test_what_cannot_be_used_is_named_with_its_reason(tmp_path, rng):
    for name, length in (("whole", 8_000), ("short", 100), ("cut", 8_000), ("half", 8_000)):
        soundfile.write(tmp_path / f"{name}.wav", rng.uniform(-0.5, 0.5, length), 16_000, subtype="PCM_16")
    for name, left in (("cut", 200), ("half", 4_000)):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(path.read_bytes()[: 44 + 2 * left])
    (tmp_path / "text.wav").write_text("no audio")
    paths = sorted(tmp_path.glob("*.wav"))
    utterances = [Utterance(path=path, corpus="mine", speaker="mine/a", language="und") for path in paths]
    usable, broken = skip_broken(utterances, 512, tmp_path / "cache", workers=1)
    assert [utterance.path.stem for utterance in usable] == ["half", "whole"]
    reasons = {path.stem: reason.removeprefix(f"{path}: ") for path, reason in broken.items()}
    assert list(reasons) == ["cut", "short", "text"]
    assert reasons["cut"].startswith("truncated, its header promises 0.50 s and 0.01 s are there")
    assert reasons["short"] == "too short, 100 samples"
    assert reasons["text"].startswith("cannot be read as audio")
