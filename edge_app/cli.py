"""The command line: names only. A command's module is imported when it runs, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, NamedTuple

import click

import edge_app
from edge_app.errors import BackendMissing, EdgeSerError
from edge_app.interrupts import terminate_as_interrupt

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as shells have it."""


class Entry(NamedTuple):
    """Where a command lives, what it does, and which extra it needs where it is not part of the device's program."""

    target: str
    summary: str
    extra: str | None = None

    @property
    def remedy(self) -> str:
        """How to get what it needs. torch comes first and alone, because pip then takes the build that was chosen."""
        torch = "pip install torch==2.13.0, then " if self.extra in ("train", "export") else ""
        return f"{torch}pip install -e '.[{self.extra}]'"


COMMANDS = {
    "listen": Entry(
        "edge_app.commands.listen:listen", "Show the emotion of a microphone, a file or a pipe as it moves."
    ),
    "analyze": Entry("edge_app.commands.analyze:analyze", "Estimate whole files or folders, into JSON lines or CSV."),
    "features": Entry(
        "edge_app.commands.features:features", "Compute acoustic features of files or folders, into CSV or Parquet."
    ),
    "enroll": Entry("edge_app.commands.enroll:enroll", "Store what is usual for your voice, as statistics."),
    "collect": Entry(
        "edge_app.commands.collect:collect", "Store features of a place, without audio, for adapting a model."
    ),
    "devices": Entry("edge_app.commands.devices:devices", "List the microphones."),
    "doctor": Entry("edge_app.commands.doctor:doctor", "Check this machine: libraries, microphone, models."),
    "models": Entry("edge_app.commands.models:models", "List, show and verify model bundles."),
    "bench": Entry("edge_app.commands.bench:bench", "Measure latency, memory and start-up on this machine."),
    "train": Entry("train.commands.train:train", "Train a model from a configuration.", "train"),
    "pretrain": Entry("train.commands.pretrain:pretrain_command", "Learn from speech without labels.", "train"),
    "crossval": Entry("train.commands.crossval:crossval", "Train and test with speakers disjoint.", "train"),
    "reproduce": Entry("train.commands.reproduce:reproduce", "Repeat the tables of published papers.", "train"),
    "record": Entry("train.commands.record:record", "Record corpora beside noise, in simulated rooms.", "train"),
    "adapt": Entry("export.adapt:adapt_command", "Adapt a run to a place, without labels.", "export"),
    "evaluate": Entry("train.commands.evaluate:evaluate", "Measure a bundle on a corpus.", "eval"),
    "export": Entry("export.command:export", "Turn a training run into a model bundle.", "export"),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command.

        Raises:
            BackendMissing: it is part of the repository, or needs an extra that is not installed.
        """
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        if entry.extra is not None and importlib.util.find_spec(module.partition(".")[0]) is None:
            raise BackendMissing(
                f"'{cmd_name}' is part of the repository, not of the installed package: clone it and run "
                f"{entry.remedy} there"
            )
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if entry.extra is None:
                raise
            raise BackendMissing(
                f"'{cmd_name}' needs the package {error.name!r}: run {entry.remedy} in the repository"
            ) from error
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C or SIGTERM while it has nothing to end cleanly yet is told in one line, as later.

        Raises:
            click.exceptions.Exit: with 130, it was interrupted.
        """
        try:
            with terminate_as_interrupt():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("edge-ser: interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(edge_app.__version__, prog_name="edge-ser")
def cli() -> None:
    """Continuous speech emotion recognition on the device. No audio leaves it."""


def main() -> None:
    """Run the command line; an :class:`EdgeSerError` becomes one line on standard error and exit code 2."""
    try:
        cli.main(prog_name="edge-ser")
    except EdgeSerError as error:
        click.echo(f"edge-ser: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
