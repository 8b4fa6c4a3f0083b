"""``edge-ser collect``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from edge_app.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_app.audio.source import AudioSource

MINUTES = 10.0
MEGABYTES = 10.0
LONGEST_NAME = 64
CONSENT = """\
What is said at {place!r} will be heard and turned into features: {size} numbers four times a second{when}. They are
stored in {path}, at most {megabytes:g} MB, readable by you only, and sent nowhere.
No audio is stored, and no words. But pitch, loudness and timbre tell about voices: ask everybody who will be heard."""


class Opened(NamedTuple):
    """A source, what kind of one, and its own sampling rate in hertz."""

    audio: AudioSource
    kind: str
    rate: int


@click.command(short_help="Store features of a place, without audio, for adapting a model.")
@click.option("--features-only", is_flag=True, help="Said for plainness: audio is never stored, with or without it.")
@click.option("--model", metavar="NAME", help="The model whose features are stored: one of functionals.")
@click.option("--place", metavar="NAME", help="What the place is called, such as kitchen.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where the features go.")
@click.option("--input", "source", metavar="FILE|-", help="Collect from a recording instead of a microphone.")
@click.option("--device", metavar="NAME|NUMBER", help="Microphone; see 'edge-ser devices'. Default: the system's.")
@click.option("--minutes", type=click.FloatRange(0.05, 1440), help="Audio to hear. Default: 10, of a file all.")
@click.option("--max-mb", type=click.FloatRange(0.01, 1000), default=MEGABYTES, show_default=True,
              help="The most that the file may take; collecting ends there.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Keep what voice activity does not call speech, too.")
@click.option("--yes", is_flag=True, help="You agree, and so do all who will be heard; nothing is asked.")
@click.option("--force", is_flag=True, help="Replace features that were collected into that file before.")
@click.option("--show", type=click.Path(path_type=Path), metavar="FILE", help="Say what is in a file, and end.")
def collect(
    features_only: bool,
    model: str | None,
    place: str | None,
    output: Path | None,
    source: str | None,
    device: str | None,
    minutes: float | None,
    max_mb: float,
    everything: bool,
    yes: bool,
    force: bool,
    show: Path | None,
) -> None:
    """Store the features of the speech at a place, without audio and without labels: edge-ser adapt learns from them.

    Ctrl-C ends it and keeps what was heard until then.
    """
    if show is not None:
        if any(given is not None for given in (model, place, output, source, device, minutes)):
            raise ConfigurationError("--show reads a file and collects nothing; give it alone")
        _show(show)
        return
    if model is None or place is None or output is None:
        raise ConfigurationError("give --model NAME, --place NAME and --output FILE, or --show FILE")
    if source is not None and device is not None:
        raise ConfigurationError("--device names a microphone and --input something else; give one of them")
    if not place.strip() or len(place) > LONGEST_NAME or not place.isprintable():
        raise ConfigurationError(f"--place {place!r}: a name has 1 to {LONGEST_NAME} printable characters")
    _collect(model, place, output, source, device, minutes, max_mb, everything, yes, force)


def _show(path: Path) -> None:
    from edge_app.collected import facts, read_collected

    rows = facts(read_collected(path))
    click.echo(str(path))
    for heading, text in rows:
        click.echo(f"  {heading:<9} {text}")


def _collect(
    model: str,
    place: str,
    output: Path,
    source: str | None,
    device: str | None,
    minutes: float | None,
    megabytes: float,
    everything: bool,
    yes: bool,
    force: bool,
) -> None:
    from edge_app.bundle import load_bundle
    from edge_app.collected import CollectedFeatures, Origin, refuse_unwritable, write_collected
    from edge_app.collection import Collection, record
    from edge_app.commands.enroll import Meter
    from edge_app.enrolled import today
    from edge_app.interrupts import stop_on_signals
    from edge_app.sinks.files import refuse_overwriting

    bundle = load_bundle(model)
    collection = Collection(bundle, megabytes, everything)
    if source is not None:
        refuse_overwriting(output, [source])
    refuse_unwritable(output, megabytes, replace=force)
    opened = _open(source, device)
    when = ", speech or not" if everything else ", where there is speech"
    click.echo(CONSENT.format(place=place, size=collection.size, when=when, path=output, megabytes=megabytes), err=True)
    consent = _consent(yes)
    if source is None:
        minutes = minutes or MINUTES
        click.echo(f"Collecting for {minutes:g} min; Ctrl-C ends it and keeps what was heard.", err=True)
    began = today()
    with stop_on_signals() as stop, Meter(None) as meter:
        record(collection, opened.audio, None if minutes is None else 60 * minutes, stop, meter.show)
    values, speech, snr = collection.finish()
    origin = Origin(
        place=place, model=bundle.name, kind=bundle.feature_kind, digest=bundle.feature_digest,
        window=bundle.window.length, hop=bundle.window.hop, began=began, ended=today(), source=opened.kind,
        rate=opened.rate, seconds=round(collection.heard, 3), speech_seconds=round(collection.speech, 3),
        everything=everything, consent=consent,
    )  # fmt: skip
    write_collected(output, CollectedFeatures(origin, values, speech, snr))
    if collection.full:
        click.echo(f"edge-ser: --max-mb {megabytes:g} is reached; what came after was not stored", err=True)
    _show(output)
    click.echo(f"adapt a run to it: edge-ser adapt RUN --unlabelled {output}")


def _consent(yes: bool) -> str:
    if yes:
        return "option"
    if not _at_terminal():
        raise ConfigurationError("there is no terminal to ask for your consent; add --yes if all who are heard agree")
    if not click.confirm("Store these features?", default=False, err=True):
        click.echo("edge-ser: nothing was stored", err=True)
        raise click.exceptions.Exit(1)
    return "asked"


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _open(source: str | None, device: str | None) -> Opened:
    if source is None:
        from edge_app.audio.microphone import Microphone

        microphone = Microphone(device)
        return Opened(microphone, "microphone", microphone.rate)
    if source == "-":
        from edge_app.audio.stdin import StdinSource

        return Opened(StdinSource(), "stdin", StdinSource.rate)
    from edge_app.audio.file import FileSource

    recording = FileSource(source)
    return Opened(recording, "recording", recording.rate)
