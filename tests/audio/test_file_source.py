from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import voice

from edge_app.audio.file import FileSource
from edge_app.core.records import EndReason, Notice
from edge_app.core.types import SAMPLE_RATE, AudioBlock, Floats
from edge_app.errors import AudioFormatError


class Taken:
    """What a source delivered and said."""

    def __init__(self) -> None:
        self.blocks: list[AudioBlock] = []
        self.notices: list[Notice] = []

    def run(self, source: FileSource) -> EndReason:
        return source.run(self.blocks.append, threading.Event(), self.notices.append)

    @property
    def samples(self) -> Floats:
        assert [block.start for block in self.blocks] == list(
            np.cumsum([0, *(len(block.samples) for block in self.blocks[:-1])])
        )
        return np.concatenate([block.samples for block in self.blocks])


def take(path: Path) -> Floats:
    taken = Taken()
    assert taken.run(FileSource(path)) == "eof"
    return taken.samples


def take_with_error(path: Path) -> tuple[Floats, str]:
    taken = Taken()
    with pytest.raises(AudioFormatError) as caught:
        taken.run(FileSource(path))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return taken.samples, message


@pytest.fixture
def speech(rng: np.random.Generator) -> Floats:
    return (voice(rng, 2.3) * 32_767).round().astype(np.int16).astype(np.float32) / 32_768


@pytest.fixture
def wav(tmp_path: Path, speech: Floats) -> Path:
    soundfile.write(tmp_path / "speech.wav", speech, SAMPLE_RATE, subtype="PCM_16")
    return tmp_path / "speech.wav"


def set_data_size(path: Path, size: int) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(content)


def test_16_khz_mono_comes_as_it_is(wav: Path, speech: Floats) -> None:
    np.testing.assert_array_equal(take(wav), speech)


@pytest.mark.parametrize("block", [0.01, 0.1, 0.37, 10.0])
def test_the_samples_do_not_depend_on_the_block(tmp_path: Path, speech: Floats, block: float) -> None:
    soundfile.write(tmp_path / "x.wav", np.column_stack((speech, -0.5 * speech)), 44_100, subtype="PCM_16")
    taken = Taken()
    taken.run(FileSource(tmp_path / "x.wav", block=block))
    np.testing.assert_array_equal(taken.samples, take(tmp_path / "x.wav"))


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels(tmp_path: Path, speech: Floats, rate: int, channels: int) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, np.repeat(speech[:, None], channels, axis=1), rate, subtype="PCM_16")
    assert abs(len(take(path)) - len(speech) * SAMPLE_RATE / rate) <= 1


@pytest.mark.parametrize(("subtype", "tolerance"), [("PCM_U8", 1e-2), ("PCM_24", 0), ("PCM_32", 0), ("FLOAT", 0),
                                                    ("DOUBLE", 0), ("ULAW", 2e-2)])  # fmt: skip
def test_any_sample_format(tmp_path: Path, speech: Floats, subtype: str, tolerance: float) -> None:
    soundfile.write(tmp_path / "x.wav", speech, SAMPLE_RATE, subtype=subtype)
    np.testing.assert_allclose(take(tmp_path / "x.wav"), speech, atol=tolerance)


@pytest.mark.parametrize(("suffix", "form", "subtype"), [
    ("flac", "FLAC", "PCM_16"), ("opus", "OGG", "OPUS"), ("ogg", "OGG", "VORBIS"), ("mp3", "MP3", "MPEG_LAYER_III"),
])  # fmt: skip
def test_compressed_files(tmp_path: Path, speech: Floats, suffix: str, form: str, subtype: str) -> None:
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, speech, SAMPLE_RATE, format=form, subtype=subtype)
    assert len(take(path)) == pytest.approx(len(speech), abs=0.2 * SAMPLE_RATE)


def test_8_khz_is_told_to_lack_the_upper_band(tmp_path: Path, speech: Floats) -> None:
    soundfile.write(tmp_path / "phone.wav", speech, 8000)
    taken = Taken()
    taken.run(FileSource(tmp_path / "phone.wav"))
    (notice,) = taken.notices
    assert notice.kind == "warning"
    assert "8 kHz" in notice.text
    assert "4 kHz" in notice.text


@pytest.mark.parametrize(("rate", "realtime"), [(SAMPLE_RATE, False), (44_100, False), (SAMPLE_RATE, True)])
def test_channels_that_cancel_each_other_are_told_once(
    tmp_path: Path, speech: Floats, rate: int, realtime: bool
) -> None:
    sound = np.resize(speech, 2 * rate)
    soundfile.write(tmp_path / "x.wav", np.column_stack((sound, -sound)), rate, subtype="FLOAT")
    taken = Taken()
    taken.run(FileSource(tmp_path / "x.wav", realtime))
    assert not taken.samples.any()
    (notice,) = taken.notices
    assert notice.kind == "warning"
    assert notice.text.startswith("the channels of x.wav cancel each other in places when mixed")
    assert "--channel 1" in notice.text


@pytest.mark.parametrize("channel", [1, 2])
def test_a_channel_is_heard_alone(tmp_path: Path, speech: Floats, channel: int) -> None:
    frames = np.column_stack((speech, -0.5 * speech)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", frames, SAMPLE_RATE, subtype="FLOAT")
    taken = Taken()
    taken.run(FileSource(tmp_path / "x.wav", channel=channel))
    np.testing.assert_array_equal(taken.samples, frames[:, channel - 1])
    assert taken.notices == []


def test_a_channel_that_is_not_there_is_refused(wav: Path) -> None:
    with pytest.raises(AudioFormatError, match=r"speech\.wav: no channel 2, the file has 1"):
        FileSource(wav, channel=2)


def test_a_truncated_wav_gives_all_that_is_there_and_then_says_so(wav: Path, speech: Floats) -> None:
    whole = wav.read_bytes()
    kept = 16_001
    wav.write_bytes(whole[: len(whole) - 2 * (len(speech) - kept)])
    samples, message = take_with_error(wav)
    np.testing.assert_array_equal(samples, speech[:kept])
    assert "promises 2.30 s and 1.00 s are there" in message


def test_a_wav_cut_inside_a_sample_gives_the_whole_samples(wav: Path, speech: Floats) -> None:
    wav.write_bytes(wav.read_bytes()[:-3])
    samples, message = take_with_error(wav)
    np.testing.assert_array_equal(samples, speech[:-2])
    assert "truncated" in message


def test_a_header_that_lies_is_truncation(wav: Path, speech: Floats) -> None:
    set_data_size(wav, 320_000)
    samples, message = take_with_error(wav)
    np.testing.assert_array_equal(samples, speech)
    assert "promises 10.00 s and 2.30 s are there" in message


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFC4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_size_never_filled_in_means_to_the_end(wav: Path, speech: Floats, size: int) -> None:
    set_data_size(wav, size)
    np.testing.assert_array_equal(take(wav), speech)


@pytest.mark.parametrize("size", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wrong_riff_size_does_not_matter(wav: Path, speech: Floats, size: int) -> None:
    content = bytearray(wav.read_bytes())
    content[4:8] = struct.pack("<I", size)
    wav.write_bytes(content)
    np.testing.assert_array_equal(take(wav), speech)


def test_chunks_before_and_after_the_audio_are_no_audio(wav: Path, speech: Floats) -> None:
    content = wav.read_bytes()
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    at = content.index(b"data")
    wav.write_bytes(content[:at] + odd + content[at:] + odd)
    np.testing.assert_array_equal(take(wav), speech)


def test_a_truncated_flac_gives_what_can_be_decoded(tmp_path: Path, speech: Floats) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, speech, SAMPLE_RATE, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found = []
    for block in (0.1, 60.0):  # one block is longer than the file, and fails as a whole
        taken = Taken()
        with pytest.raises(AudioFormatError, match=r"truncated|damaged at"):
            taken.run(FileSource(path, block=block))
        found.append(len(taken.samples))
        np.testing.assert_array_equal(taken.samples, speech[: len(taken.samples)])
    assert 8000 < min(found) <= max(found) < len(speech)
    assert max(found) - min(found) < 1600


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, 20_000])
def test_a_sample_that_is_no_number_ends_the_estimates_with_its_position(
    tmp_path: Path, speech: Floats, wrong: float, place: int
) -> None:
    stereo = np.column_stack((speech, speech))
    stereo[place, 1] = wrong
    soundfile.write(tmp_path / "x.wav", stereo, SAMPLE_RATE, subtype="FLOAT")
    taken = Taken()
    with pytest.raises(AudioFormatError, match=rf"sample {place} \({place / SAMPLE_RATE:.3f} s\) is not a finite"):
        taken.run(FileSource(tmp_path / "x.wav"))
    assert sum(len(block.samples) for block in taken.blocks) == place


@pytest.mark.parametrize(("scale", "taken_whole"), [(2.0**15, True), (1e30, False)])
def test_numbers_of_16_bits_are_read_and_those_beyond_any_scale_are_refused(
    tmp_path: Path, speech: Floats, scale: float, taken_whole: bool
) -> None:
    soundfile.write(tmp_path / "x.wav", (speech / np.abs(speech).max()) * scale, SAMPLE_RATE, subtype="DOUBLE")
    taken = Taken()
    if taken_whole:
        assert taken.run(FileSource(tmp_path / "x.wav")) == "eof"
        assert sum(len(block.samples) for block in taken.blocks) == len(speech)
        return
    with pytest.raises(AudioFormatError, match="lies beyond 65536 times full scale"):
        taken.run(FileSource(tmp_path / "x.wav"))


def make_text(path: Path) -> None:
    path.write_text("This is not a recording.\n" * 20)


def make_header_only(path: Path) -> None:
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)


def make_cut_after_the_header(path: Path) -> None:
    soundfile.write(path, np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[:44])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "no such file or directory; check the path"),
        (Path.mkdir, "a folder, not a file"),
        (Path.touch, "the file is empty"),
        (make_text, "not an audio file that can be read"),
        (make_header_only, "no audio in this file"),
        (make_cut_after_the_header, "truncated, its header promises 1.00 s and 0.00 s are there"),
        (lambda path: path.write_bytes(b"RIFF"), "not an audio file that can be read"),
    ],
    ids=["missing", "folder", "empty", "text", "header only", "cut after the header", "four bytes"],
)
def test_what_is_no_audio_is_refused_at_once_on_one_line(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x.wav"
    make(path)
    with pytest.raises(AudioFormatError) as caught:
        FileSource(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(wav: Path) -> None:
    wav.chmod(0)
    with pytest.raises(AudioFormatError, match="permission denied"):
        FileSource(wav)


def test_in_real_time_audio_never_comes_before_its_time(wav: Path, speech: Floats) -> None:
    arrivals = []
    began = time.monotonic()
    FileSource(wav, realtime=True).run(
        lambda block: arrivals.append((time.monotonic() - began, block.end / SAMPLE_RATE)), threading.Event()
    )
    assert arrivals[-1][1] == len(speech) / SAMPLE_RATE
    assert all(arrived >= due - 0.005 for arrived, due in arrivals)


def test_stop_ends_a_file_in_real_time_at_once(wav: Path) -> None:
    stop = threading.Event()
    taken: list[AudioBlock] = []

    def deliver(block: AudioBlock) -> None:
        taken.append(block)
        if len(taken) == 3:
            stop.set()

    assert FileSource(wav, realtime=True).run(deliver, stop) == "interrupted"
    assert len(taken) == 3
