"""Through real PortAudio, from a microphone that PulseAudio plays: what is heard is what the file says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import voice
from virtual_microphone import virtual_microphone

from edge_app.app import open_pipeline
from edge_app.core.smoothing import SMOOTHING_OFF
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.settings import PipelineSettings

LISTENER = Path(__file__).parent / "listen_and_keep.py"
CLIP_SECONDS = 6.0
LISTENING_SECONDS = 14.0

pytestmark = [pytest.mark.microphone, pytest.mark.slow]


def place_of(clip: Floats, heard: Floats) -> int:
    """Where the clip begins in what was heard, by cross-correlation."""
    size = len(clip) + len(heard)
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(clip, size)), size)
    return int(np.argmax(products[: len(heard)]))


def heard_audio(kept: Any) -> Floats:
    """What the microphone delivered, each block at its position; NaN where nothing came."""
    heard = np.full(int(kept["starts"][-1] + kept["lengths"][-1]), np.nan, np.float32)
    taken = 0
    for start, length in zip(kept["starts"], kept["lengths"], strict=True):
        heard[start : start + length] = kept["samples"][taken : taken + length]
        taken += length
    return heard


def test_a_microphone_says_what_the_same_recording_says_from_file(
    tiny_bundle: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    pcm = (voice(rng, CLIP_SECONDS) * 32_767).round().astype(np.int16)
    clip = pcm.astype(np.float32) / 32_768
    lead = np.zeros(SAMPLE_RATE, np.int16)  # the first milliseconds of a playback may be lost
    soundfile.write(tmp_path / "clip.wav", np.concatenate((lead, pcm)), SAMPLE_RATE, subtype="PCM_16")
    with virtual_microphone() as microphone:
        listener = subprocess.Popen(
            [sys.executable, str(LISTENER), str(tiny_bundle), str(tmp_path), str(LISTENING_SECONDS)],
            env=microphone.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with listener:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "listening\n"
            microphone.play(tmp_path / "clip.wav")
            assert listener.wait(60) == 0
    heard = heard_audio(np.load(tmp_path / "kept.npz"))
    place = place_of(clip, np.nan_to_num(heard))
    recording = np.zeros_like(heard)
    arrived = min(len(clip), len(heard) - place)
    recording[place : place + arrived] = clip[:arrived]
    whole = heard == recording

    pipeline = open_pipeline(PipelineSettings(str(tiny_bundle), vad="none", smoothing=SMOOTHING_OFF))
    from_file = {e.end: e for e in pipeline.feed(AudioBlock(recording, 0)) + pipeline.flush()}
    compared = 0
    for record in map(json.loads, (tmp_path / "live.jsonl").read_text().splitlines()):
        if record["type"] != "estimate":
            continue
        start, end = round(record["start"] * SAMPLE_RATE), round(record["end"] * SAMPLE_RATE)
        if end not in from_file or not whole[start:end].all():
            continue
        expected = from_file[end]
        assert record["label"] == expected.label
        assert record["scores"] == {label: round(score, 4) for label, score in expected.scores.items()}
        compared += start >= place and end <= place + len(clip)
    # A loaded machine may lose some audio, never most of it.
    assert compared >= 10


def test_a_microphone_that_is_unplugged_comes_back(tiny_bundle: Path) -> None:
    with virtual_microphone() as microphone:
        command = [sys.executable, "-m", "edge_app", "listen", "--model", str(tiny_bundle), "--ui", "jsonl"]
        with subprocess.Popen(
            command, env=microphone.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as listener:
            lines = listener.stdout
            assert lines is not None

            def until(kind: str, text: str = "") -> dict[str, Any]:
                for line in lines:
                    record: dict[str, Any] = json.loads(line)
                    if record["type"] == kind and text in record.get("text", ""):
                        return record
                raise AssertionError(f"no {kind} {text}")

            before = until("estimate")["end"]
            microphone.unplug()
            gone_at = time.monotonic()
            until("notice", "is gone; trying again every second")
            microphone.start()
            until("notice", "is back")
            away = time.monotonic() - gone_at
            assert until("estimate")["start"] >= before + away - 2.0
            listener.terminate()
            assert until("end")["reason"] == "interrupted"
            assert listener.wait(30) == 0
