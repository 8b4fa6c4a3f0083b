"""A microphone without hardware: a PulseAudio daemon whose null sink's monitor is the default input."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("pulseaudio", "pactl", "paplay")
SINK = "virtual"


class VirtualMicrophone:
    """Plays WAV files into the default input of processes that are started with ``environment``."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/native",
        }
        self._folder = folder
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        socket = self._folder / "native"
        self._daemon = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
                f"--log-target=file:{self._folder}/pulseaudio.log",
                "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1",
                "-L", f"module-null-sink sink_name={SINK} rate=16000 channels=1 format=s16le",
            ],
            env=self.environment,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while self._pactl("info") != 0:
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                log = self._folder / "pulseaudio.log"
                raise RuntimeError(f"pulseaudio did not start: {log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.1)
        self._pactl("set-default-sink", SINK)
        self._pactl("set-default-source", f"{SINK}.monitor")

    def play(self, wav: Path) -> None:
        """Play a file to its end."""
        subprocess.run(["paplay", f"--device={SINK}", str(wav)], env=self.environment, check=True, timeout=60)

    def unplug(self) -> None:
        """Let the device vanish under whoever records from it."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def _pactl(self, *arguments: str) -> int:
        return subprocess.run(["pactl", *arguments], env=self.environment, capture_output=True).returncode


@contextmanager
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """A running virtual microphone; skips the test where PulseAudio is not installed."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: sudo apt install pulseaudio pulseaudio-utils libasound2-plugins")
    with tempfile.TemporaryDirectory(prefix="edge-ser-") as folder:  # short: a socket's path is limited
        microphone = VirtualMicrophone(Path(folder))
        try:
            microphone.start()
            yield microphone
        finally:
            microphone.unplug()
