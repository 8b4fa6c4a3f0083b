"""The signal-to-noise ratios that recordings came to, as a table."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from edge_app.errors import OutputError
from train.noisy.build import CLEAN, write_whole
from train.noisy.places import CONDITIONS

BEGIN = "<!-- figures: written by edge-ser record -->"
END = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Achieved:
    """What a corpus in a condition came to.

    Attributes:
        corpus: its name.
        condition: its condition.
        side: whose noise and rooms; empty where there are none.
        receiver: what recorded it; empty where nothing did.
        count: recordings.
        minutes: how long they are together.
        snr: achieved ratios in dB, one for each recording; empty where there is no noise.
        clipped: share of recordings in which a sample is at full scale.
    """

    corpus: str
    condition: str
    side: str
    receiver: str
    count: int
    minutes: float
    snr: Sequence[float]
    clipped: float


def find_achieved(output: Path) -> list[Achieved]:
    """What lies in a folder of all conditions, the quietest first."""
    conditions = (CLEAN, *CONDITIONS)
    found = [_read(path) for path in sorted(output.glob("*/*.csv")) + sorted(output.glob("*/*/*.csv"))]
    known = [each for each in found if each.condition in conditions]
    return sorted(known, key=lambda each: (each.corpus, each.receiver, conditions.index(each.condition), each.side))


def as_table(achieved: Iterable[Achieved]) -> str:
    """A table in Markdown."""
    lines = [
        "| corpus | receiver | condition | side | recordings | minutes | SNR set | achieved, mean ± deviation | least |"
        " most | clipped |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in achieved:
        target = CONDITIONS[each.condition].snr if each.condition in CONDITIONS else math.inf
        noisy = math.isfinite(target) and len(each.snr) > 0
        ratio = [f"{target:.2f}", f"{np.mean(each.snr):.2f} ± {np.std(each.snr):.2f}"] if noisy else ["–", "–"]
        limits = [f"{min(each.snr):.2f}", f"{max(each.snr):.2f}"] if noisy else ["–", "–"]
        cells = [
            each.corpus, each.receiver or "–", each.condition, each.side or "–", str(each.count), f"{each.minutes:.1f}",
            *ratio, *limits, f"{each.clipped:.0%}" if each.receiver else "–",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_page(page: Path, table: str) -> None:
    """Put a table between the marks of a page.

    Raises:
        OutputError: there is no such page, it has no marks, or it cannot be written.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{page}: {(error.strerror or str(error)).lower()}; give an existing page") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise OutputError(f"{page}: no lines {BEGIN} and {END}; add them where the table belongs")
    write_whole(page, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}".encode())


def _read(manifest: Path) -> Achieved:
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seconds = sum(soundfile.info(manifest.parent / row["path"]).duration for row in rows)
    clean = manifest.parent.name == CLEAN
    return Achieved(
        corpus=manifest.stem,
        condition=manifest.parent.name if clean else manifest.parent.parent.name,
        side="" if clean else manifest.parent.name,
        receiver=rows[0].get("receiver") or "" if rows else "",
        count=len(rows),
        minutes=seconds / 60,
        snr=[float(row["snr"]) for row in rows if row.get("snr")],
        clipped=sum(float(row.get("clipped") or 0) > 0 for row in rows) / max(len(rows), 1),
    )
