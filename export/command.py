"""``edge-ser export``: from a training run to a model bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from edge_app.bundle import MANIFEST
from edge_app.counted import counted
from edge_app.errors import ConfigurationError
from export.bundle import ExportSettings, carry_figures, check_place, export_bundle
from export.parity import Comparison
from train.run import load_run

MODELS = Path("models")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--quantize", type=click.Choice(["int8"]), help="Also write a quantised variant.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the bundle; default models/NAME.")
@click.option("--name", help="Name of the model; default the experiment's.")
@click.option("--version", default="1", show_default=True, help="Version of the model.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.4,
    show_default=True,
    help="Probability below which an estimate is 'uncertain'.",
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE.json",
    help="Figures of edge-ser evaluate --json, or crossval --curves, to carry; repeat for more.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="A cross-validation of the experiment (edge-ser crossval --json) whose temperature and least confidence are "
    "taken; it overrides --min-confidence.",
)
@click.option(
    "--research-only", is_flag=True, help="Accept corpora whose models may not be passed on; marks the bundle."
)
@click.option("--force", is_flag=True, help="Replace a bundle that is there, with all its variants and figures.")
def export(
    run: Path,
    quantize: str | None,
    output: Path | None,
    name: str | None,
    version: str,
    min_confidence: float,
    metrics: tuple[Path, ...],
    trust: Path | None,
    research_only: bool,
    force: bool,
) -> None:
    """Turn RUN, a folder that edge-ser train wrote, into a model bundle.

    Every variant is compared with the trained net on real windows of the validation speakers; where one has drifted
    too far, there is no bundle. The same run gives the same bundle, byte for byte.

    RUN may also be a bundle: then the figures of --metrics are put into it, and its model stays as it is.
    """
    if (run / MANIFEST).is_file():
        if quantize or output or name or research_only or trust or force:
            raise ConfigurationError(f"{run}: is a bundle, into which only figures can be put; give --metrics alone")
        if not metrics:
            raise ConfigurationError(f"{run}: is a bundle already; give a training run, or figures with --metrics")
        carry_figures(run, metrics)
        click.echo(f"{run}: carries {counted(len(metrics), 'more file')} of figures")
        return
    finished = load_run(run)
    name = name or finished.config.name
    if Path(name).name != name:
        raise ConfigurationError(f"--name {name!r}: a name holds no folders; use --output for the place")
    output = output or MODELS / name
    check_place(output, replace=force)
    settings = ExportSettings(
        name=name,
        version=version,
        quantise=quantize is not None,
        min_confidence=min_confidence,
        research_only=research_only,
        metrics=metrics,
        trust=trust,
    )
    comparisons = export_bundle(finished, output, settings)
    console = Console(highlight=False)
    console.print(parity_table(comparisons))
    size = sum(path.stat().st_size for path in output.iterdir())
    console.print(f"{output}: {name} {version}, {size / 1000:.0f} kB in all")


def parity_table(comparisons: Sequence[Comparison]) -> Table:
    """How each variant compares with what it was made from."""
    table = Table(title=f"Parity on {comparisons[0].windows} windows of the validation speakers", title_justify="left",
                  box=None, pad_edge=False)  # fmt: skip
    table.add_column("", no_wrap=True)
    for heading in ("logits", "probabilities", "dimensions", "labels", "UAR", "change"):
        table.add_column(heading, justify="right")
    for found in comparisons:
        errors = (found.logits, found.probabilities, found.dimensions)
        table.add_row(
            f"{found.variant} against {found.reference}",
            *(f"{error:.2g}" for error in errors),
            f"{found.agreement:.2%}",
            f"{found.uar:.3f}",
            f"{found.uar_change:+.3f}",
        )
    return table
