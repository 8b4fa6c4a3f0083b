from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_app.audio import microphone
from edge_app.audio.microphone import Microphone, find_device, list_devices
from edge_app.core.records import Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock
from edge_app.errors import AudioDeviceError, PortAudioMissing


class PortAudioError(Exception):
    pass


class FakePortAudio(ModuleType):
    """As much of sounddevice as the microphone uses, with devices that tests plug and unplug."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.devices: list[dict[str, Any]] = []
        self.rates = {16_000, 44_100, 48_000}
        self.streams: list[FakeStream] = []
        self.restarts = 0

    def plug(self, name: str, channels: int = 1, rate: int = 48_000) -> None:
        self.devices.append({"name": name, "max_input_channels": channels, "default_samplerate": float(rate)})

    def query_devices(self, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        inputs = [number for number, entry in enumerate(self.devices) if entry["max_input_channels"]]
        if not inputs:
            raise PortAudioError("Error querying device -1")
        return {"index": inputs[0]}

    def check_input_settings(self, device: int, samplerate: int, channels: int, dtype: str) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate")

    def _terminate(self) -> None:
        self.restarts += 1

    def _initialize(self) -> None:
        pass

    def InputStream(self, **arguments: Any) -> FakeStream:  # noqa: N802
        if self.devices[arguments["device"]].get("busy"):
            raise PortAudioError("Error opening InputStream: Device unavailable\nmore of it")
        self.streams.append(FakeStream(**arguments))
        return self.streams[-1]


class FakeStream:
    def __init__(
        self, device: int, samplerate: int, channels: int, dtype: str, blocksize: int, callback: Callable[..., None]
    ) -> None:
        self.device, self.samplerate, self.channels, self.blocksize = device, samplerate, channels, blocksize
        self.callback = callback
        self.active = False
        self.closed = False

    def start(self) -> None:
        self.active = True

    def close(self, ignore_errors: bool = True) -> None:
        self.active, self.closed = False, True

    def send(self, frames: np.ndarray, overflow: bool = False) -> None:
        """What PortAudio does: the array is its own and changes after the callback."""
        lent = np.array(frames, dtype=np.float32).reshape(-1, self.channels)
        self.callback(lent, len(lent), None, SimpleNamespace(input_overflow=overflow))
        lent[:] = 99.0


@pytest.fixture
def audio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(microphone, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(microphone, "RETRY_SECONDS", 0.02)
    return fake


class Run:
    """A microphone running in a thread."""

    def __init__(self, source: Microphone) -> None:
        self.blocks: list[AudioBlock] = []
        self.notices: list[Notice] = []
        self.stop = threading.Event()
        self.reason: str | None = None
        self._source = source
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.reason = self._source.run(self.blocks.append, self.stop, self.notices.append)

    def __enter__(self) -> Run:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def taken(self) -> int:
        return sum(len(block.samples) for block in self.blocks)


def refuses_mono(device: int, samplerate: int, channels: int, dtype: str) -> None:
    """A device that gives all its channels or none, at 48 kHz."""
    if channels == 1 or samplerate != 48_000:
        raise PortAudioError("Invalid number of channels")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_without_portaudio_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(PortAudioMissing, match="sudo apt install libportaudio2"):
        Microphone()


def test_without_devices_the_error_says_so(audio: FakePortAudio) -> None:
    audio.plug("Loudspeaker", channels=0)
    assert list_devices() == []
    with pytest.raises(AudioDeviceError, match="no microphone was found"):
        Microphone()


def test_devices_are_found_by_number_name_and_part_of_it(audio: FakePortAudio) -> None:
    for name, channels in (("Loudspeaker", 0), ("Built-in", 2), ("USB Audio", 1), ("USB", 1)):
        audio.plug(name, channels)
    assert [(device.number, device.default) for device in list_devices()] == [(1, True), (2, False), (3, False)]
    assert find_device(None).name == "Built-in"
    assert find_device("2").name == "USB Audio"
    assert find_device("USB").name == "USB"
    assert find_device("usb a").name == "USB Audio"
    with pytest.raises(AudioDeviceError, match=r"no input device '0': choose one of 1 \(Built-in\), 2"):
        find_device("0")
    with pytest.raises(AudioDeviceError, match=r"several input devices match 'u': choose one of 1"):
        find_device("u")


def test_16_khz_mono_is_taken_where_the_device_gives_it(audio: FakePortAudio, rng: np.random.Generator) -> None:
    audio.plug("Built-in", channels=2)
    frames = rng.normal(0, 0.1, (5, 320)).astype(np.float32)
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        stream = audio.streams[0]
        for block in frames:
            stream.send(block)
        wait_until(lambda: len(run.blocks) == 5)
    assert (stream.samplerate, stream.channels, stream.blocksize) == (SAMPLE_RATE, 1, 160)
    assert run.reason == "interrupted"
    assert stream.closed
    assert [block.start for block in run.blocks] == [0, 320, 640, 960, 1280]
    np.testing.assert_array_equal(np.stack([block.samples for block in run.blocks]), frames)


def test_a_device_without_16_khz_is_resampled_to_its_end(audio: FakePortAudio) -> None:
    audio.rates = {44_100}
    audio.plug("USB", channels=2, rate=44_100)
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        stream = audio.streams[0]
        for _ in range(50):
            stream.send(np.zeros((882, stream.channels)))
        wait_until(lambda: run.taken > 14_000)
    assert stream.samplerate == 44_100
    assert run.taken == SAMPLE_RATE
    assert run.blocks[-1].end == SAMPLE_RATE


def test_channels_that_cancel_each_other_are_told_once(audio: FakePortAudio, rng: np.random.Generator) -> None:
    audio.check_input_settings = refuses_mono  # type: ignore[method-assign]
    audio.plug("Interface", channels=2)
    sound = rng.normal(0, 0.1, 3 * 48_000)
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        for part in np.split(np.column_stack((sound, -sound)), 100):
            audio.streams[0].send(part)
        wait_until(lambda: run.taken > 40_000)
    (notice,) = run.notices
    assert notice.kind == "warning"
    assert notice.text.startswith("the channels of 'Interface' cancel each other in places when mixed")
    assert "--channel 1" in notice.text


def test_a_channel_is_heard_alone(audio: FakePortAudio, rng: np.random.Generator) -> None:
    audio.plug("Interface", channels=2)
    frames = rng.normal(0, 0.1, (320, 2)).astype(np.float32)
    with Run(Microphone(channel=2)) as run:
        wait_until(lambda: audio.streams)
        audio.streams[0].send(frames)
        wait_until(lambda: run.blocks)
    assert (audio.streams[0].samplerate, audio.streams[0].channels) == (SAMPLE_RATE, 2)
    np.testing.assert_array_equal(run.blocks[0].samples, frames[:, 1])


def test_a_channel_that_the_device_lacks_is_refused(audio: FakePortAudio) -> None:
    audio.plug("Built-in", channels=2)
    with pytest.raises(AudioDeviceError, match=r"'Built-in' has no channel 3, only 2"):
        Microphone(channel=3).run(lambda block: None, threading.Event())


def test_overflows_are_passed_on(audio: FakePortAudio) -> None:
    audio.plug("USB")
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        audio.streams[0].send(np.zeros(320))
        audio.streams[0].send(np.zeros(320), overflow=True)
        wait_until(lambda: len(run.blocks) == 2)
    assert [block.overflowed for block in run.blocks] == [False, True]


def test_samples_that_are_no_numbers_count_as_silence_and_are_told_once(audio: FakePortAudio) -> None:
    audio.plug("USB")
    frames = np.full(320, 0.5)
    frames[[3, 5, 9]] = np.nan, np.inf, -np.inf
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        for _ in range(3):
            audio.streams[0].send(frames)
        wait_until(lambda: len(run.blocks) == 3)
    for block in run.blocks:
        assert np.isfinite(block.samples).all()
        assert np.count_nonzero(block.samples == 0) == 3
    assert [notice.kind for notice in run.notices] == ["warning"]


@pytest.mark.parametrize("way", ["inactive", "silent"])
def test_a_device_that_vanishes_is_tried_again_until_it_is_back(
    audio: FakePortAudio, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(microphone, "SILENT_SECONDS", 0.1)
    audio.plug("Built-in")
    audio.plug("USB")
    with Run(Microphone("USB")) as run:
        wait_until(lambda: audio.streams)
        audio.devices.pop()
        before = time.monotonic()
        audio.streams[0].send(np.zeros(320))
        wait_until(lambda: run.blocks)
        after = time.monotonic()
        if way == "inactive":
            audio.streams[0].active = False
        wait_until(lambda: run.notices)
        assert run.notices[0].kind == "warning"
        assert "'USB' is gone; trying again every second" in run.notices[0].text
        wait_until(lambda: audio.restarts >= 3)
        assert len(audio.streams) == 1
        audio.devices.insert(0, {"name": "Other", "max_input_channels": 1, "default_samplerate": 48_000.0})
        audio.plug("USB")
        wait_until(lambda: len(audio.streams) == 2)
        at_least = time.monotonic() - after
        audio.streams[1].send(np.zeros(320))
        wait_until(lambda: len(run.blocks) == 2)
        at_most = time.monotonic() - before
    assert audio.streams[0].closed
    assert audio.streams[1].device == 2
    assert run.notices[1] == Notice("info", "the microphone 'USB' is back")
    gap = (run.blocks[1].start - run.blocks[0].start) / SAMPLE_RATE
    assert at_least - 0.001 <= gap <= at_most + 0.001


def test_a_device_that_stays_away_can_be_left(audio: FakePortAudio) -> None:
    audio.plug("USB")
    with Run(Microphone()) as run:
        wait_until(lambda: audio.streams)
        audio.streams[0].active = False
        audio.devices.clear()
        wait_until(lambda: run.notices)
    assert run.reason == "interrupted"


def test_a_device_that_cannot_be_opened_at_first_is_an_error_on_one_line(audio: FakePortAudio) -> None:
    audio.plug("USB")
    audio.devices[0]["busy"] = True
    with pytest.raises(
        AudioDeviceError, match=r"'USB' cannot be opened \(.*Device unavailable\): close other"
    ) as caught:
        Microphone().run(lambda block: None, threading.Event())
    assert "\n" not in str(caught.value)


def test_chunks_that_nobody_takes_are_skipped_and_counted_in_the_position(
    audio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "QUEUED_CHUNKS", 4)
    audio.plug("USB")
    blocks: list[AudioBlock] = []
    release = threading.Event()

    def deliver(block: AudioBlock) -> None:
        blocks.append(block)
        release.wait(30)

    stop = threading.Event()
    thread = threading.Thread(target=Microphone().run, args=(deliver, stop))
    thread.start()
    wait_until(lambda: audio.streams)
    audio.streams[0].send(np.zeros(320))
    wait_until(lambda: blocks)
    for _ in range(10):
        audio.streams[0].send(np.zeros(320))
    release.set()
    wait_until(lambda: len(blocks) == 5)
    audio.streams[0].send(np.zeros(320))
    wait_until(lambda: len(blocks) == 6)
    stop.set()
    thread.join(30)
    assert [block.start for block in blocks] == [0, 320, 640, 960, 1280, 1600 + 6 * 320]
    assert [block.overflowed for block in blocks] == [False] * 5 + [True]
