"""What the header of a WAV file promises, compared with what is there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from edge_app.errors import AudioFormatError

# Programs that write to a pipe cannot come back to fill in the size: sox leaves 0x7FFFF000, arecord a little more,
# ffmpeg 0xFFFFFFFF, others 0.
SMALLEST_PLACEHOLDER = 0x7FFFF000


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The data chunk of a RIFF WAVE file.

    Attributes:
        declared: bytes of audio that its header promises.
        available: bytes between the beginning of the audio and the end of the file.
        size_at: where in the file the promise stands.
        bytes_per_second: of this format, 0 where the header does not say.
    """

    declared: int
    available: int
    size_at: int
    bytes_per_second: int

    @property
    def open_ended(self) -> bool:
        """The size was never filled in: the audio goes on to the end of the file."""
        return self.available > 0 and (self.declared == 0 or self.declared >= SMALLEST_PLACEHOLDER)

    @property
    def truncated(self) -> bool:
        """The header promises more than there is."""
        return self.declared > self.available and not self.open_ended

    @property
    def lengths(self) -> tuple[float, float] | None:
        """Seconds that are promised, and that are there; None where the header does not say what a second takes."""
        if not self.bytes_per_second:
            return None
        return self.declared / self.bytes_per_second, self.available / self.bytes_per_second


def truncation(path: Path, promised: float, found: float) -> AudioFormatError:
    """What to say of a file that holds fewer seconds than its header promises."""
    return AudioFormatError(
        f"{path}: truncated, its header promises {promised:.2f} s and {found:.2f} s are there; "
        "copy or record the file again"
    )


def read_header(path: Path) -> WavHeader | None:
    """Find the data chunk of a WAV file; None for any other file or one without a data chunk.

    Raises:
        OSError: the file cannot be read.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return None
        rate = 0
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            at = file.tell()
            if name == b"data":
                return WavHeader(size, length - at, at - 4, rate)
            if name == b"fmt " and len(description := file.read(16)) == 16:
                rate = struct.unpack_from("<I", description, 8)[0]
            file.seek(at + size + size % 2)
    return None


class MendedWav:
    """A WAV file whose size was left at 0, as a readable file in which it says the size that is there.

    Args:
        path: the file.
        header: its header.
    """

    def __init__(self, path: Path, header: WavHeader) -> None:
        self._file = path.open("rb")
        self._size_at = header.size_at
        self._size = struct.pack("<I", header.available)

    def read(self, count: int = -1) -> bytes:
        """Read bytes, with the size mended where they cover it."""
        at = self._file.tell()
        found = bytearray(self._file.read(count))
        for place, byte in enumerate(self._size, self._size_at - at):
            if 0 <= place < len(found):
                found[place] = byte
        return bytes(found)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next read begins."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
