"""``edge-ser models``: list, show and verify model bundles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edge_app.bundle import CARD, DEFAULT, DEFAULT_MODEL, ModelBundle, list_bundles, load_bundle
from edge_app.commands.devices import table
from edge_app.errors import BundleError
from edge_app.verify import VerifyReport, verify_bundle

HEADER = ("", "name", "version", "parameters", "size", "licence", "UAR")

as_json = click.option("--json", "form", flag_value="json", help="Write JSON.")


@click.group(invoke_without_command=True, short_help="List, show and verify model bundles.")
@as_json
@click.pass_context
def models(context: click.Context, form: str | None) -> None:
    """List the model bundles that can be used by name; the default is marked with *.

    They are looked for in the folder that EDGE_SER_MODELS names, in the installed package and in the checkout.
    """
    if context.invoked_subcommand is not None:
        return
    bundles, faults = _load(list_bundles())
    if form:
        click.echo(json.dumps([summary(bundle) for bundle in bundles], indent=1))
    elif bundles:
        for line in table([HEADER, *map(_row, bundles)]):
            click.echo(line)
    elif not faults:
        click.echo("no models were found; set EDGE_SER_MODELS to a folder of bundles")
    _finish(faults)


@models.command(short_help="Everything about one model.")
@click.argument("name", default=DEFAULT)
@as_json
def show(name: str, form: str | None) -> None:
    """Show everything about the model NAME (a shipped model, "default", or a folder)."""
    bundle = load_bundle(name)
    if form:
        click.echo(json.dumps(bundle.manifest, indent=1))
        return
    for line in table(facts(bundle)):
        click.echo(line)


@models.command(short_help="Check a model's files and its answers on this machine.")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="All models that can be used by name.")
@as_json
def verify(name: str | None, everything: bool, form: str | None) -> None:
    """Check the model NAME (default: the default model): files, features, and its answer to the golden audio.

    The exit code is 0 where all is well, else 2.
    """
    if everything and name is not None:
        raise click.UsageError("give a name or --all, not both")
    if name == "all" and name not in {path.name for path in list_bundles()}:
        raise click.UsageError("no model is called 'all'; --all verifies all of them")
    places: list[Path] | list[str] = list_bundles() if everything else [name or DEFAULT]
    reports: list[VerifyReport] = []
    bundles, faults = _load(places)
    for bundle in bundles:
        try:
            reports.append(verify_bundle(bundle))
        except BundleError as error:
            faults.append(error)
    if form:
        click.echo(json.dumps([dataclasses.asdict(report) for report in reports], indent=1))
    else:
        for report in reports:
            answers = ", ".join(f"{check.variant} within {check.error:.1g}" for check in report.variants)
            click.echo(f"{report.name} {report.version}: ok ({len(report.files)} files; golden audio: {answers})")
    _finish(faults)


def summary(bundle: ModelBundle) -> dict[str, Any]:
    """What the list says about a bundle."""
    condition, uar = headline(bundle.metrics)
    return {
        "name": bundle.name,
        "version": bundle.version,
        "default": bundle.path.name == DEFAULT_MODEL,
        "path": str(bundle.path),
        "labels": list(bundle.labels),
        "parameters": bundle.parameters,
        "bytes": {name: variant.bytes for name, variant in bundle.variants.items()},
        "licence": bundle.licence,
        "uar": uar,
        "uar_on": condition,
    }


def headline(metrics: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """The condition and UAR that say most about strangers: a corpus it was not trained on, else the first there is."""
    unseen = [name for name, figures in metrics.items() if figures.get("trained_on_corpus") is False]
    for name in (*unseen, *metrics):
        if (uar := metrics[name].get("uar")) is not None:
            return name, float(uar)
    return None, None


def facts(bundle: ModelBundle) -> list[tuple[str, ...]]:
    """Headings and texts about a bundle."""
    training = bundle.manifest.get("training", {})
    rows: list[tuple[str, ...]] = [
        ("name", f"{bundle.name} {bundle.version}"),
        ("folder", str(bundle.path)),
        ("labels", ", ".join(bundle.labels)),
        ("dimensions", ", ".join(bundle.dimensions) + " (mapped)" * bundle.mapped if bundle.dimensions else "none"),
        ("features", f"{bundle.feature_kind}, digest {bundle.feature_digest[:12]}"),
        ("window", f"{bundle.window.length / 16000:g} s, a new one every {bundle.window.hop / 16000:g} s"),
        *_memory(bundle),
        ("decision", _decision(bundle)),
        ("parameters", f"{bundle.parameters:,}"),
        ("licence", bundle.licence),
    ]
    rows += [(f"corpus {name}", licence) for name, licence in bundle.corpora.items()]
    rows += [(f"variant {name}", f"{entry.file}, {entry.bytes:,} bytes") for name, entry in bundle.variants.items()]
    for name, figures in bundle.metrics.items():
        limits = (figures.get("interval") or {}).get("uar")
        if figures.get("uar") is not None:
            rows.append((f"UAR {name}", f"{figures['uar']:.3f}" + (f" [{limits[0]}, {limits[1]}]" if limits else "")))
    for name, found in bundle.manifest.get("parity", {}).items():
        rows.append(
            (
                f"parity {name}",
                f"same label as {found['against']} on {found['agreement']:.2%} of {found['windows']} windows",
            )
        )
    for entry in training.get("adapted", []):
        places = ", ".join(f"{each['place']} ({each['speech_seconds']:.0f} s of speech)" for each in entry["with"])
        rows.append(("adapted to", places + (f"; {entry['harm']}" if entry["harm"] else "")))
    if "command" in training:
        rows.append(("trained by", f"edge-ser {training['command']}"))
    return [*rows, ("card", str(bundle.path / CARD))]


def _memory(bundle: ModelBundle) -> list[tuple[str, ...]]:
    if bundle.state is None:
        return []
    tensors = ", ".join(tensor.name for tensor in bundle.state.tensors)
    return [("state", f"looks back {bundle.state.memory:g} s (--memory); carries {tensors}")]


def _decision(bundle: ModelBundle) -> str:
    text = f"speech {bundle.min_speech:g} of the window, confidence {bundle.min_confidence:g}"
    return text if bundle.min_snr is None else f"{text}, signal-to-noise ratio {bundle.min_snr:g} dB"


def _load(places: list[Path] | list[str]) -> tuple[list[ModelBundle], list[BundleError]]:
    bundles, faults = [], []
    for place in places:
        try:
            bundles.append(load_bundle(place))
        except BundleError as error:
            faults.append(error)
    return bundles, faults


def _row(bundle: ModelBundle) -> tuple[str, ...]:
    about = summary(bundle)
    sizes = ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in about["bytes"].items())
    uar = "-" if about["uar"] is None else f"{about['uar']:.3f} ({about['uar_on']})"
    mark = "*" if about["default"] else ""
    return mark, about["name"], about["version"], f"{about['parameters']:,}", sizes, about["licence"], uar


def _finish(faults: list[BundleError]) -> None:
    for fault in faults:
        click.echo(f"edge-ser: {fault}", err=True)
    if faults:
        raise click.exceptions.Exit(2)
