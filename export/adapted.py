"""What a card says of the places that a model was adapted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_app.counted import counted

HEADING = "## Adaptation"
HARM = "**This may have done harm: {harm}.** "


def render_adaptations(adapted: Sequence[Mapping[str, Any]]) -> str:
    """The section about adaptation without labels; empty where there was none.

    Args:
        adapted: the entries of ``run.json``, oldest first.
    """
    if not adapted:
        return ""
    return "\n".join(["", HEADING, "", *(_render(entry) for entry in adapted)])


def _render(entry: Mapping[str, Any]) -> str:
    before, after = entry["before"], entry["after"]
    lines = [
        f"`{entry['run']}` was adapted without labels: for {counted(entry['epochs'], 'epoch')} (rate "
        f"{entry['rate']:g}, seed {entry['seed']}) it reconstructed features",
        f"that were collected with consent, no audio, beside its own labelled speech "
        f"({entry['labelled_windows']:,} windows).",
        "",
        "| place | date | speech | windows | signal-to-noise ratio | source | digest |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *map(_row, entry["with"]),
        "",
        (HARM.format(harm=entry["harm"]) if entry["harm"] else "")
        + f"Validation speakers, who were not at that place, before and after: UAR {before['uar']:.3f} and "
        f"{after['uar']:.3f};",
        f"CCC {_ccc(before)} and {_ccc(after)} (arousal / valence / dominance). Loss of reconstruction at the place: "
        f"{before['reconstruction']:.4f} and {after['reconstruction']:.4f}.",
        "How well it does at the place itself was not measured: nothing there was labelled.",
        "",
    ]
    return "\n".join(lines)


def _row(origin: Mapping[str, Any]) -> str:
    days = origin["began"] if origin["began"] == origin["ended"] else f"{origin['began']} to {origin['ended']}"
    ratio = "-" if origin["snr_db"] is None else f"{origin['snr_db']:g} dB"
    place = str(origin["place"]).replace("|", "\\|")
    return (
        f"| {place} | {days} | {origin['speech_seconds']:.0f} s | {origin['windows']:,} | {ratio} | "
        f"{origin['source']}, {origin['rate']} Hz | `{origin['digest'][:12]}` |"
    )


def _ccc(figures: Mapping[str, Any]) -> str:
    return " / ".join("-" if value is None else f"{value:.2f}" for value in figures["ccc"].values())
