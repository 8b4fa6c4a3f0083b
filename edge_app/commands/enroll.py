"""``edge-ser enroll``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edge_app.errors import BundleError, ConfigurationError

if TYPE_CHECKING:
    from rich.progress import Progress

    from edge_app.audio.source import AudioSource
    from edge_app.bundle import ModelBundle
    from edge_app.core.records import Notice
    from edge_app.enrolled import EnrolledWearer

SECONDS = 30.0
QUIET_DBFS = -50.0
LOUD_DBFS = -3.0
TEXT = """\
    On most mornings I leave the house a little before eight. The street is quiet then, and the baker on the corner
    has just put out the first trays. I buy two rolls, cross the bridge, and wait for the tram beside the old post
    office. It usually takes about twenty minutes to reach the centre. On the way I read a page or two, or I watch the
    people who get on and off. In the evening I come back the same way, only more slowly."""


@click.command(short_help="Store what is usual for your voice, as statistics.")
@click.option("--name", metavar="NAME", help="What the baseline is called, as in 'listen --baseline NAME'.")
@click.option("--seconds", type=click.FloatRange(5, 600), help="Speech to hear. Default: 30, of a file all.")
@click.option("--input", "source", metavar="FILE|-", help="Enrol from a recording of ordinary speech.")
@click.option("--device", metavar="NAME|NUMBER", help="Microphone; see 'edge-ser devices'. Default: the system's.")
@click.option("--model", "models", multiple=True, help="A model besides those known by name, e.g. a bundle's folder.")
@click.option("--force", is_flag=True, help="Replace a baseline of that name.")
@click.option("--list", "listing", is_flag=True, help="List the enrolled baselines.")
@click.option("--delete", metavar="NAME", help="Delete an enrolled baseline.")
def enroll(
    name: str | None,
    seconds: float | None,
    source: str | None,
    device: str | None,
    models: tuple[str, ...],
    force: bool,
    listing: bool,
    delete: str | None,
) -> None:
    """Store what is usual for your voice: half a minute of ordinary, calm speech becomes a baseline.

    No audio is stored: a mean and a variance for each feature, in your data folder, readable by you only. Models
    then see how far you are from your own usual: edge-ser listen --baseline NAME.
    """
    from edge_app.enrolled import delete_wearer

    if sum((name is not None, listing, delete is not None)) != 1:
        raise ConfigurationError("give one of --name NAME to enrol, --list, or --delete NAME")
    if delete is not None:
        delete_wearer(delete)
        click.echo(f"{delete}: deleted")
    elif name is None:
        _list()
    else:
        _enroll(name, seconds, source, device, models, force)


def _list() -> None:
    from edge_app.commands.devices import table
    from edge_app.enrolled import baselines_folder, list_wearers

    wearers, faults = list_wearers()
    if wearers:
        for line in table([("name", "date", "speech", "models"), *map(_row, wearers)]):
            click.echo(line)
    elif not faults:
        click.echo(f"nobody is enrolled (in {baselines_folder()}); edge-ser enroll --name NAME enrols you")
    for fault in faults:
        click.echo(f"edge-ser: {fault}", err=True)
    if faults:
        raise click.exceptions.Exit(2)


def _row(wearer: EnrolledWearer) -> tuple[str, ...]:
    known = {(each.digest, each.window) for each in wearer.statistics}
    fitting = [bundle.name for bundle in _known_models() if (bundle.feature_digest, bundle.window.length) in known]
    speech = min((each.seconds for each in wearer.statistics), default=0.0)
    return wearer.name, wearer.date, f"{speech:.0f} s", ", ".join(fitting) or "none that is here"


def _enroll(
    name: str, seconds: float | None, source: str | None, device: str | None, models: tuple[str, ...], force: bool
) -> None:
    from edge_app.bundle import load_bundle
    from edge_app.enrolled import EnrolledWearer, refuse_taken, refuse_unwritable, today, write_wearer
    from edge_app.enrolment import Enrolment, record
    from edge_app.interrupts import stop_on_signals

    if source is not None and device is not None:
        raise ConfigurationError("--device names a microphone and --input something else; give one of them")
    if not force:
        refuse_taken(name)
    refuse_unwritable(name)
    bundles = [*_known_models(), *map(load_bundle, models)]
    if not bundles:
        raise BundleError("no models were found to enrol for; give --model or set EDGE_SER_MODELS")
    enrolment = Enrolment(bundles)
    audio = _open(source, device)
    if source is None:
        click.echo(
            f"Read this aloud as you ordinarily speak, again and again until the bar is full:\n\n{TEXT}\n", err=True
        )
        seconds = seconds or SECONDS
    with stop_on_signals() as stop, Meter(seconds) as meter:
        record(enrolment, audio, seconds, stop, meter.show, meter.say)
    path = write_wearer(EnrolledWearer(name, today(), enrolment.finish()), replace=force)
    click.echo(f"{name}: {enrolment.seconds:.1f} s of speech at {enrolment.sound.loud_dbfs:.0f} dBFS, stored in {path}")
    for bundle in bundles:
        click.echo(f"{bundle.name}: weighs {bundle.wearer.enrolled.weight(enrolment.seconds):.0%} of its baseline")
    click.echo(f"use it: edge-ser listen --baseline {name}")


def _known_models() -> list[ModelBundle]:
    """The models known by name whose features this version computes; the others get a line on standard error."""
    from edge_app.bundle import list_bundles, load_bundle

    known = []
    for path in list_bundles():
        try:
            bundle = load_bundle(path)
            bundle.make_extractor()
        except BundleError as error:
            click.echo(f"edge-ser: {error}", err=True)
        else:
            known.append(bundle)
    return known


def _open(source: str | None, device: str | None) -> AudioSource:
    if source is None:
        from edge_app.audio.microphone import Microphone

        return Microphone(device)
    from edge_app.app import make_source
    from edge_app.settings import ListenSettings

    return make_source(ListenSettings(source=source))[0]


class Meter:
    """Seconds of speech and level on standard error, while somebody reads; nothing where that is no terminal.

    Args:
        wanted: seconds of speech, None where all of a file is taken.
    """

    def __init__(self, wanted: float | None) -> None:
        self._wanted = wanted
        self._drawn: Progress | None = None

    def __enter__(self) -> Meter:
        """Show the meter."""
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = TextColumn("speech {task.completed:5.1f} s"), BarColumn(), TextColumn("{task.description}")
            self._drawn = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._drawn.add_task("", total=self._wanted)
            self._drawn.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Take the meter away."""
        if self._drawn is not None:
            self._drawn.stop()

    def show(self, speech: float, level: float) -> None:
        """Show seconds of speech so far, and the level of the newest block in dBFS."""
        if self._drawn is None:
            return
        hint = "too quiet" if level < QUIET_DBFS else "too loud" if level > LOUD_DBFS else ""
        self._drawn.update(self._task, completed=speech, description=f"{level:4.0f} dBFS  {hint}")

    def say(self, notice: Notice) -> None:
        """Write what the source says on standard error, above the meter."""
        line = f"edge-ser: {notice.kind}: {notice.text}"
        if self._drawn is None:
            click.echo(line, err=True)
        else:
            self._drawn.console.print(line, markup=False, highlight=False, soft_wrap=True)
