"""The microphone, through PortAudio. This is the only module that imports sounddevice."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from edge_app.audio.mixdown import ADVICE, REMEDY, Mixdown
from edge_app.audio.resampler import Resampler
from edge_app.audio.source import Deliver, InputDevice, Notify, ignore
from edge_app.core.records import EndReason, Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats, samples
from edge_app.errors import AudioDeviceError, PortAudioMissing

BLOCKS_PER_SECOND = 100
QUEUED_CHUNKS = 2 * BLOCKS_PER_SECOND
POLL_SECONDS = 0.1
START_SECONDS = 5.0
SILENT_SECONDS = 1.0
RETRY_SECONDS = 1.0


def portaudio() -> Any:
    """The sounddevice module.

    Raises:
        PortAudioMissing: the system library is not installed.
    """
    try:
        import sounddevice
    except OSError:
        raise PortAudioMissing(
            "the system library PortAudio is not installed: run sudo apt install libportaudio2"
        ) from None
    return sounddevice


def list_devices() -> list[InputDevice]:
    """All devices that can record.

    Raises:
        PortAudioMissing: the system library is not installed.
    """
    audio = portaudio()
    try:
        default = audio.query_devices(kind="input")["index"]
    except (audio.PortAudioError, ValueError):
        default = None
    return [
        InputDevice(
            number=number,
            name=entry["name"],
            channels=entry["max_input_channels"],
            rate=round(entry["default_samplerate"]),
            default=number == default,
        )
        for number, entry in enumerate(audio.query_devices())
        if entry["max_input_channels"] > 0
    ]


def find_device(wanted: str | None) -> InputDevice:
    """The device of a number, a name or a part of a name; None takes the system's default.

    Raises:
        PortAudioMissing: the system library is not installed.
        AudioDeviceError: there is no such device, or several.
    """
    devices = list_devices()
    if not devices:
        raise AudioDeviceError("no microphone was found: plug one in, then check with 'edge-ser devices'")
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    if wanted.isdecimal():
        found = [device for device in devices if device.number == int(wanted)]
    else:
        found = [device for device in devices if device.name == wanted]
        found = found or [device for device in devices if wanted.lower() in device.name.lower()]
    if len(found) == 1:
        return found[0]
    problem = "several input devices match" if found else "no input device"
    choices = ", ".join(f"{device.number} ({device.name})" for device in found or devices)
    raise AudioDeviceError(f"{problem} {wanted!r}: choose one of {choices}")


class Chunk(NamedTuple):
    """What one callback brought: frames, shape (n, channels); whether audio was lost before; frames skipped before."""

    frames: Floats
    overflowed: bool
    skipped: int


class DeviceVanished(Exception):
    """The stream ended or went silent. Never leaves this module."""


class Recording:
    """An open input stream. The callback does nothing but copy.

    Args:
        device: what to record from.
        channel: the channel that is wanted alone, counted from 1; None for whatever the device gives.

    Raises:
        AudioDeviceError: it cannot be opened, or has no such channel.
    """

    def __init__(self, device: InputDevice, channel: int | None = None) -> None:
        audio = portaudio()
        self._chunks: queue.Queue[Chunk] = queue.Queue(QUEUED_CHUNKS)
        self._skipped = 0
        if channel is not None and channel > device.channels:
            raise AudioDeviceError(f"the microphone {device.name!r} has no channel {channel}, only {device.channels}")
        self.rate, channels = _supported(audio, device, 1 if channel is None else device.channels)
        try:
            self._stream = audio.InputStream(
                device=device.number,
                samplerate=self.rate,
                channels=channels,
                dtype="float32",
                blocksize=self.rate // BLOCKS_PER_SECOND,
                callback=self._callback,
            )
            self._stream.start()
        except (audio.PortAudioError, ValueError) as error:
            raise AudioDeviceError(
                f"the microphone {device.name!r} cannot be opened ({_reason(error)}): close other programs that use "
                "it, or choose another with --device"
            ) from None

    def chunks(self, stop: threading.Event) -> Iterator[Chunk]:
        """Yield chunks as they come, until ``stop`` is set.

        Raises:
            DeviceVanished: the stream ended, or nothing came for a second (five at the beginning).
        """
        patience = START_SECONDS
        heard = time.monotonic()
        while not stop.is_set():
            try:
                chunk = self._chunks.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if time.monotonic() - heard > patience or not self._alive():
                    raise DeviceVanished from None
                continue
            heard, patience = time.monotonic(), SILENT_SECONDS
            yield chunk

    def close(self) -> None:
        """Close the stream; a device that is gone does not mind."""
        with contextlib.suppress(portaudio().PortAudioError):
            self._stream.close(ignore_errors=True)

    def _alive(self) -> bool:
        try:
            return bool(self._stream.active)
        except portaudio().PortAudioError:
            return False

    def _callback(self, frames: Floats, count: int, when: Any, status: Any) -> None:
        try:
            self._chunks.put_nowait(Chunk(frames.copy(), bool(status.input_overflow), self._skipped))
            self._skipped = 0
        except queue.Full:
            self._skipped += count


class Microphone:
    """A microphone that comes back: a device that vanishes is tried again every second.

    Time goes on meanwhile, so the audio after a gap has its true position.

    Args:
        device: number, name or part of the name of the device; None takes the system's default.
        channel: the channel that is heard alone, counted from 1; None hears the mean of all.

    Attributes:
        rate: the device's own sampling rate in hertz.

    Raises:
        PortAudioMissing: the system library is not installed.
        AudioDeviceError: there is no such device.
    """

    realtime = True

    def __init__(self, device: str | None = None, channel: int | None = None) -> None:
        self._follows_default = device is None
        self._channel = channel
        self._told_of_faults = self._told_of_cancelling = False
        self._device = find_device(device)
        self.description = self._device.name
        self.rate = self._device.rate

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        """See :class:`edge_app.audio.source.AudioSource`; it only ends when it is stopped."""
        stream = _Positions()
        recording: Recording | None = Recording(self._device, self._channel)
        while recording is not None:
            try:
                self._deliver_from(recording, stream, deliver, stop, notify)
                break
            except DeviceVanished:
                notify(Notice("warning", f"the microphone {self._device.name!r} is gone; trying again every second"))
            finally:
                recording.close()
            recording = self._reopened(stop)
            if recording is not None:
                stream.resume()
                notify(Notice("info", f"the microphone {self._device.name!r} is back"))
        return "interrupted"

    def _deliver_from(
        self, recording: Recording, stream: _Positions, deliver: Deliver, stop: threading.Event, notify: Notify
    ) -> None:
        mixdown, resampler = Mixdown(recording.rate, self._channel), Resampler(recording.rate)
        try:
            for chunk in recording.chunks(stop):
                skipped = round(chunk.skipped * SAMPLE_RATE / recording.rate)
                mono = resampler.feed(mixdown.feed(self._finite(chunk.frames, notify)))
                if mixdown.cancels() and not self._told_of_cancelling:
                    self._told_of_cancelling = True
                    notify(Notice("warning", f"the channels of {self._device.name!r} {ADVICE}; {REMEDY}"))
                start = stream.advance(len(mono), skipped)
                if len(mono):
                    deliver(AudioBlock(mono, start, chunk.overflowed or skipped > 0))
        finally:
            rest = resampler.flush()
            if len(rest):
                deliver(AudioBlock(rest, stream.advance(len(rest), 0)))

    def _finite(self, frames: Floats, notify: Notify) -> Floats:
        if np.isfinite(frames).all():
            return frames
        if not self._told_of_faults:
            self._told_of_faults = True
            notify(Notice("warning", "the microphone sends samples that are not numbers; they count as silence"))
        return np.nan_to_num(frames, nan=0.0, posinf=0.0, neginf=0.0)

    def _reopened(self, stop: threading.Event) -> Recording | None:
        """The device again, when it is back; None where the session was stopped first."""
        audio = portaudio()
        while not stop.wait(RETRY_SECONDS):
            # PortAudio lists devices once, when it starts.
            with contextlib.suppress(audio.PortAudioError):
                audio._terminate()
            with contextlib.suppress(audio.PortAudioError, AudioDeviceError):
                audio._initialize()
                self._device = find_device(None if self._follows_default else self._device.name)
                return Recording(self._device, self._channel)
        return None


class _Positions:
    """Where the next block starts: counted in samples, and after a gap read from the clock."""

    def __init__(self) -> None:
        self._next = 0
        self._began: float | None = None
        self._resumed = False

    def advance(self, count: int, skipped: int) -> int:
        """Move past ``skipped`` and ``count`` samples that just came; return where the latter start."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if self._resumed:
            self._next, self._resumed = max(self._next, samples(now - self._began)), False
        start = self._next + skipped
        self._next = start + count
        return start

    def resume(self) -> None:
        """The stream was interrupted: take the next position from the clock."""
        self._resumed = True


def _supported(audio: Any, device: InputDevice, fewest: int) -> tuple[int, int]:
    """Rate and channels to open a device with: 16 kHz and the fewest channels where it can, else its own rate."""
    for rate, channels in ((SAMPLE_RATE, fewest), (device.rate, fewest), (device.rate, device.channels)):
        try:
            audio.check_input_settings(device=device.number, samplerate=rate, channels=channels, dtype="float32")
        except (audio.PortAudioError, ValueError):
            continue
        return rate, channels
    return device.rate, device.channels


def _reason(error: Exception) -> str:
    """PortAudio's own words on one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
