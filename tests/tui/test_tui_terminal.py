"""The whole program in a real terminal, which tmux provides."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
DEADLINE = 60
GREYS = {16, 59, 102, 145, 188, 231, *range(232, 256)}
"""Of the 256 colours, those that are none."""
ENDED = "exit status"
LABELS = ("neutral", "happiness", "sadness", "anger")


class Terminal:
    """A tmux of its own that runs one shell command.

    Args:
        folder: for tmux's socket.
        command: for the shell.
        size: columns and rows.
        environment: what the shell gets besides what this process has.
    """

    def __init__(self, folder, command, size, **environment):
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", os.devnull]
        environment = {
            key: value for key, value in os.environ.items() if key not in ("TMUX", "NO_COLOR", "COLORTERM")
        } | environment
        width, height = map(str, size)
        # The shell stays after the command, so that what it printed can still be read.
        script = f"{command}; printf '{ENDED} %s\\n' $?; exec sleep 600"
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", width, "-y", height, "sh", "-c", script],
            env=environment, check=True, timeout=DEADLINE,
        )  # fmt: skip

    def screen(self, *options):
        run = subprocess.run(
            [*self._tmux, "capture-pane", "-p", *options], capture_output=True, text=True, check=True, timeout=DEADLINE
        )
        return run.stdout

    def wait_for(self, *texts):
        """Return the screen once one of some texts is on it."""
        deadline = time.monotonic() + DEADLINE
        while not any(text in (screen := self.screen()) for text in texts):
            assert time.monotonic() < deadline, f"none of {texts} appeared on\n{screen}"
            assert ENDED not in screen, f"the program ended before {texts} appeared:\n{screen}"
            time.sleep(0.1)
        return screen

    def press(self, *keys):
        subprocess.run([*self._tmux, "send-keys", *keys], check=True, timeout=DEADLINE)

    def close(self):
        subprocess.run([*self._tmux, "kill-server"], check=False, timeout=DEADLINE)


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def run(command, size=(80, 24), **environment):
        opened.append(Terminal(tmp_path, command, size, **environment))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


@pytest.fixture
def recording(tmp_path, rng):
    path = tmp_path / "noise.wav"
    soundfile.write(path, rng.normal(0, 0.1, 16_000 * 120).clip(-1, 1), 16_000)
    return path


def listen(bundle, *options):
    return shlex.join(
        [sys.executable, "-m", "edge_app", "listen", "--model", str(bundle), "--ui", "tui", "--vad", "none"]
    ) + " " + " ".join(map(str, options))  # fmt: skip


def test_a_session_from_the_first_label_to_quitting(terminal, tiny_bundle, recording):
    pane = terminal(listen(tiny_bundle, "--input", recording, "--realtime"), TERM="screen-256color")
    pane.wait_for("confidence", "perhaps")
    screen = pane.screen()
    assert any(f"{label} " in screen for label in LABELS)
    assert "tiny fp32" in screen
    assert "● speech" in screen
    assert "\x1b[38;5;" in pane.screen("-e")
    pane.press("p")
    pane.wait_for("paused")
    pane.press("Space")
    pane.wait_for("● live")
    pane.press("?")
    pane.wait_for("not a diagnosis")
    pane.press("Escape")
    pane.wait_for("classes")
    pane.press("q")
    screen = pane.wait_for(ENDED)
    assert "exit status 0" in screen
    assert "classes" not in screen, "the screen of before must be back"


def test_ctrl_c_on_a_tiny_screen(terminal, tiny_bundle, recording):
    pane = terminal(listen(tiny_bundle, "--input", recording, "--realtime"), size=(20, 5))
    pane.wait_for(*LABELS)
    pane.wait_for("%")
    pane.press("C-c")
    assert "exit status 0" in pane.wait_for(ENDED)


def test_sound_on_standard_input_and_keys_from_the_terminal(terminal, tiny_bundle, recording, tmp_path):
    raw = tmp_path / "noise.raw"
    raw.write_bytes((soundfile.read(recording)[0] * 32767).astype(np.int16).tobytes())
    log = tmp_path / "stderr"
    pane = terminal(f"cat {raw} | {listen(tiny_bundle, '--input', '-')} 2> {log}", NO_COLOR="1")
    pane.wait_for("ended: 120.0 s")
    drawn = pane.screen("-e")
    assert "\x1b[38;2;" not in drawn
    assert {int(colour) for colour in re.findall(r"[34]8;5;(\d+)", drawn)} <= GREYS
    pane.press("q")
    assert "exit status 0" in pane.wait_for(ENDED)
    assert log.read_text() == ""


def test_an_error_meanwhile_is_one_line_and_status_2(terminal, tiny_bundle, tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("no audio at all\n")
    pane = terminal(listen(tiny_bundle, "--input", path))
    screen = pane.wait_for(ENDED)
    assert "exit status 2" in screen
    assert screen.count("edge-ser: ") == 1
    assert "Traceback" not in screen
