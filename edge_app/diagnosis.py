"""What ``edge-ser doctor`` looks at: the machine, its libraries, the microphone, the model."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_app.app import open_pipeline
from edge_app.audio.source import InputDevice
from edge_app.bundle import ModelBundle, check_file, load_bundle
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.errors import EdgeSerError
from edge_app.session import FULL_SCALE, QUIETEST, level_dbfs
from edge_app.settings import PipelineSettings

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
RECORDING_SECONDS = 2.0
TRIAL_SECONDS = 5
FRAME = SAMPLE_RATE // 50
QUIET_PERCENTILE = 10
LIBRARIES = {
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "webrtcvad": "webrtcvad-wheels",
    "rich": "rich",
    "textual": "textual",
}
"""Names to import, and the packages that bring them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        name: what was checked.
        state: ``ok``; ``missing``, and without it nothing works; ``absent``, and much works without it.
        text: what was found, or what is wrong and what to do.
    """

    name: str
    state: Literal["ok", "missing", "absent"]
    text: str


def diagnose(model: str = "default", device: str | None = None) -> Iterator[Finding]:
    """Check everything in turn; a finding is yielded as soon as it is made.

    Args:
        model: name or folder of the bundle.
        device: the microphone; None takes the system's default.
    """
    yield check_python()
    yield from map(check_library, LIBRARIES)
    yield from check_microphone(device)
    yield from check_model(model)


def check_python() -> Finding:
    """Is this version of Python one that edge-ser runs on?"""
    found = f"Python {platform.python_version()} on {platform.machine()}"
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return Finding("python", "ok", found)
    return Finding("python", "missing", f"{found}; install Python 3.11, 3.12 or 3.13")


def check_library(name: str) -> Finding:
    """Can a library be imported?"""
    package = LIBRARIES[name]
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0]
        return Finding(name, "missing", f"{reason}; run pip install --force-reinstall {package}")
    return Finding(name, "ok", importlib.metadata.version(package))


def check_microphone(device: str | None) -> Iterator[Finding]:
    """Is there PortAudio, and a microphone that records? Two seconds of it are judged and forgotten."""
    from edge_app.audio.microphone import find_device, portaudio

    try:
        yield Finding("PortAudio", "ok", str(portaudio().get_portaudio_version()[1]).splitlines()[0])
    except EdgeSerError as error:
        yield Finding("PortAudio", "missing", str(error))
        return
    try:
        found = find_device(device)
        recording = record(str(found.number), RECORDING_SECONDS)
    except EdgeSerError as error:
        yield Finding("microphone", "absent", f"{error}; files and pipes work without one")
        return
    if not len(recording):
        yield Finding("microphone", "absent", f"{found.name!r} sends no audio: check its connection or its switch")
        return
    yield Finding("microphone", "ok", describe_recording(found, recording))


def record(device: str, duration: float) -> Floats:
    """Record from a device: 16 kHz mono, shape (samples,), empty where nothing comes within some seconds.

    Raises:
        AudioDeviceError: it cannot be opened.
    """
    from edge_app.audio.microphone import START_SECONDS, Microphone

    blocks: list[Floats] = []
    stop = threading.Event()
    wanted = round(duration * SAMPLE_RATE)

    def deliver(block: AudioBlock) -> None:
        blocks.append(block.samples)
        if sum(map(len, blocks)) >= wanted:
            stop.set()

    patience = threading.Timer(START_SECONDS + duration, stop.set)
    patience.start()
    try:
        Microphone(device).run(deliver, stop)
    finally:
        patience.cancel()
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)


def describe_recording(device: InputDevice, recording: Floats) -> str:
    """Level, clipping, noise floor and speech of a recording, on one line."""
    from edge_app.vad import make_detector

    frames = recording[: len(recording) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    floor = 10 * np.log10(max(float(np.percentile(power, QUIET_PERCENTILE)), 10 ** (QUIETEST / 10)))
    clipped = float(np.mean(np.abs(recording) >= FULL_SCALE))
    speech = float(make_detector("webrtc").feed(recording).mean())
    text = (
        f"{device.name}, {device.rate} Hz; level {level_dbfs(AudioBlock(recording, 0)):.0f} dBFS, "
        f"noise floor {floor:.0f} dBFS, clipped {clipped:.1%}, speech {speech:.0%}"
    )
    return f"{text}; it is silent: is it muted?" if not recording.any() else text


def check_model(name: str) -> Iterator[Finding]:
    """Does the bundle load, are its files whole, and how much of this machine does it need?"""
    try:
        bundle = load_bundle(name)
        for file, checksum in checksums(bundle).items():
            check_file(bundle.path / file, checksum)
        share = compute_share(bundle)
    except EdgeSerError as error:
        yield Finding("model", "missing", str(error))
        return
    variants = ", ".join(bundle.variants)
    yield Finding("model", "ok", f"{bundle.name} {bundle.version} ({variants}), checksums match")
    yield Finding("speed", "ok", f"listening takes {share:.1%} of one core")


def checksums(bundle: ModelBundle) -> dict[str, str]:
    """SHA-256 of every file of a bundle, by name."""
    models = {variant.file: variant.sha256 for variant in bundle.variants.values()}
    return models | dict(bundle.manifest.get("files", {}))


def compute_share(bundle: ModelBundle) -> float:
    """Compute time over audio time of the whole pipeline, with the model asked at every hop."""
    pipeline = open_pipeline(PipelineSettings(min_speech=0.0), bundle)
    noise = np.random.default_rng(1).normal(0, 0.05, TRIAL_SECONDS * SAMPLE_RATE).astype(np.float32)
    pipeline.feed(AudioBlock(noise, 0))  # the first run of a model is slower
    pipeline.reset()
    return sum(estimate.compute_seconds for estimate in pipeline.feed(AudioBlock(noise, 0))) / TRIAL_SECONDS
