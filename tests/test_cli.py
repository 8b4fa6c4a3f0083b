"""The command line itself: names, errors, and commands whose packages are not there."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from device import run_device

import edge_app
from edge_app.cli import COMMANDS, cli, main
from edge_app.errors import EdgeSerError


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["edge-ser", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("edge_app.app.load_bundle", ["listen", "--input", "x.wav"]),
        ("edge_app.batch.load_bundle", ["analyze", "."]),
        ("importlib.import_module", ["models"]),
    ],
)
def test_an_interruption_before_anything_began_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], moment: str, arguments: list[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    for module in ("edge_app.app", "edge_app.batch", "edge_app.commands.listen", "edge_app.commands.analyze"):
        importlib.import_module(module)
    monkeypatch.setattr(moment, interrupted)
    monkeypatch.setattr("edge_app.batch.find_audio", lambda paths: ([], []))
    assert run_main(monkeypatch, *arguments) == 130
    assert capsys.readouterr() == ("", "edge-ser: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_while_the_model_is_read(number: signal.Signals) -> None:
    slow = (
        "import signal, sys, time, edge_app.app as app\n"
        # A shell without job control starts what runs in the background with Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def load(name):\n    print('reading', flush=True)\n    time.sleep(60)\n"
        "app.load_bundle = load\n"
        "sys.argv = ['edge-ser', 'listen', '--ui', 'plain']\n"
        "from edge_app.cli import main\nmain()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "reading\n"
        it.send_signal(number)
        said = it.communicate(timeout=60)
    assert (it.returncode, said) == (130, ("", "edge-ser: interrupted\n"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_sigterm_ends_a_forked_process_without_a_word() -> None:
    """A pool of processes ends its workers so; only the process that runs the command tells of an interruption."""
    forked = (
        "import os, signal, sys\n"
        "from edge_app.interrupts import terminate_as_interrupt\n"
        "with terminate_as_interrupt():\n"
        "    child = os.fork()\n"
        "    if child == 0:\n        print('forked', flush=True)\n        signal.pause()\n"
        "    os.read(int(sys.argv[1]), 1)\n"
        "    os.kill(child, signal.SIGTERM)\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGTERM)\n"
    )
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", forked, str(reader)],
        pass_fds=[reader], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as it:  # fmt: skip
        assert it.stdout is not None
        assert it.stdout.readline() == "forked\n"
        os.write(writer, b".")
        said = it.communicate(timeout=60)
    os.close(reader)
    os.close(writer)
    assert (it.returncode, said) == (0, ("", ""))


def test_help_lists_every_command_with_its_summary() -> None:
    result = CliRunner().invoke(cli, ["--help"], terminal_width=200)
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert name in result.output
        assert entry.summary in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_name_leads_to_a_command(name: str) -> None:
    module, _, attribute = COMMANDS[name].target.partition(":")
    if COMMANDS[name].extra is not None:
        pytest.importorskip({"train": "torch", "eval": "sklearn", "export": "onnxscript"}[COMMANDS[name].extra])
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output == f"edge-ser, version {edge_app.__version__}\n"


def test_unknown_command_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, "sing") == 2
    assert "No such command 'sing'" in capsys.readouterr().err


def test_an_error_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "listen", "--model", "no-such-model", "--input", "no-such-file.wav") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("edge-ser: no model 'no-such-model'")
    assert captured.err.count("\n") == 1


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "main", broken)
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize("name", [name for name, entry in COMMANDS.items() if entry.extra])
def test_a_command_of_the_repository_says_so_where_there_is_none(tmp_path: Path, name: str) -> None:
    done = run_device(tmp_path, "-m", "edge_app", name)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"edge-ser: '{name}' is part of the repository, not of the installed package: clone it and run "
        f"{COMMANDS[name].remedy} there\n"
    )


def test_a_command_whose_extra_is_missing_names_it(tmp_path: Path) -> None:
    done = run_device(tmp_path, "-m", "edge_app", "train", "chunk-cnn", hidden=["torch"])
    assert done.returncode == 2
    assert done.stderr == (
        "edge-ser: 'train' needs the package 'torch': run pip install torch==2.13.0, then pip install -e '.[train]' "
        "in the repository\n"
    )


def test_every_error_of_the_tree_is_drawn_in_its_docstring() -> None:
    errors = importlib.import_module("edge_app.errors")
    names = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert all(issubclass(getattr(errors, name), EdgeSerError) for name in names)
    assert names == {
        line.split("─ ")[-1].split()[0] for line in (errors.__doc__ or "").splitlines() if "─ " in line
    } | {"EdgeSerError"}
