"""What a cross-validation says of a model's confidence, in its bundle and on its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_app.errors import ConfigurationError
from train.figure_files import TRUST

PICTURE = "risk.png"
PROTOCOLS = {"loco": "leave one corpus out", "loso": "leave one speaker out"}


def read_trust(path: Path, experiment: str) -> dict[str, Any]:
    """The ``trust`` of a file of ``edge-ser crossval --json``, with what was cross-validated.

    Args:
        path: the file.
        experiment: name of the experiment that is exported.

    Raises:
        ConfigurationError: it is not such a file, or of another experiment.
    """
    found = TRUST.read(path)
    with TRUST.expected(path):
        about = {
            "experiment": str(found["config"]["name"]),
            "protocol": str(found["protocol"]),
            "corpora": list(found["corpora"]),
            "n": int(found["n"]),
        }
        trusted: dict[str, Any] = {**about, **found["trust"]}
        usable = float(trusted["temperature"]) > 0 and 0 <= float(trusted["threshold"]) <= 1
    if not usable:
        raise ConfigurationError(f"{path}: a temperature or threshold that none can be; cross-validate again")
    if trusted["experiment"] != experiment:
        raise ConfigurationError(f"{path}: a cross-validation of {trusted['experiment']}, but {experiment} is exported")
    return trusted


def render_trust(trusted: Mapping[str, Any] | None) -> str:
    """The section of the card; nothing where there was no cross-validation."""
    if trusted is None:
        return ""
    protocol = PROTOCOLS.get(trusted["protocol"], trusted["protocol"])
    rows = "\n".join(
        f"| {point['threshold']:.2f} | {point['coverage']:.0%} | {point['risk']:.1%} |" for point in trusted["points"]
    )
    unknown = "people of a corpus" if trusted["protocol"] == "loco" else "people"
    by_fold = "; ".join(
        f"{name} {found['ece']:.3f}, {found['ece_others']:.3f}" for name, found in trusted["folds"].items()
    )
    return f"""
## How far its confidence can be trusted

Cross-validated on {", ".join(trusted["corpora"])} ({protocol}, {trusted["n"]:,} utterances, each judged by a net
that never met its fold). The weights carry the temperature that fits these decisions,
{trusted["temperature"]:.2f} times that of the validation speakers: expected calibration error {trusted["ece"]:.3f},
before that {trusted["ece_before"]:.3f}. By fold, and with the temperature of the other folds alone, as for {unknown}
about whom nothing is known: {by_fold}.

Below a confidence of {trusted["threshold"]:.2f} an estimate is `uncertain`: of the thresholds that leave at least
{trusted["least_coverage"]:.0%} of the labels, the lowest at which at most {trusted["tolerated"]:.0%} of them are wrong,
or, where none is so good, the one with the fewest wrong.

| confidence from | labels shown | of those wrong |
| --- | --- | --- |
{rows}

![Risk and coverage]({PICTURE})
"""
