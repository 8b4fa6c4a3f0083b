"""From a run to a bundle: export, quantise, compare, and only then write.

A bundle is put together in a hidden folder beside its place and moved there when it is whole, so that whatever goes
wrong leaves no half of one, and an older bundle of that name stays until then. The same run gives the same bytes.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import edge_app
from edge_app.bundle import CARD, GOLDEN, MANIFEST, SCHEMA, load_bundle, sha256
from edge_app.core.features import EXTRACTORS, make_extractor
from edge_app.core.types import Floats
from edge_app.core.windows import WindowSpec
from edge_app.errors import ConfigurationError, OutputError
from edge_app.verify import verify_bundle
from export.card import render_card
from export.golden import write_golden
from export.graph import count_parameters, export_onnx, onnx_outputs, state_of, torch_outputs
from export.licence import licence_of
from export.metrics import read_metrics, validation_metrics
from export.noise import PICTURE, heading, is_curves, least_ratio_of, read_curves
from export.numbers import numbers_in
from export.parity import Comparison, Outputs, Requirements, compare, require, softmax
from export.quantise import quantise_int8
from export.trust import PICTURE as RISK
from export.trust import read_trust
from train.run import Run

FILES = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
MIN_SPEECH = 0.3


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What an export may choose.

    Attributes:
        name: of the model.
        version: of the model.
        quantise: whether an int8 variant is made.
        min_confidence: probability below which an estimate is ``uncertain``.
        research_only: accept corpora whose models may not be passed on, and mark the bundle.
        metrics: files of ``edge-ser evaluate --json`` about this model, and curves of ``crossval --noise`` about its
            experiment.
        requirements: what parity must reach.
        trust: a file of ``edge-ser crossval --json`` about the experiment, whose temperature and threshold are taken.
    """

    name: str
    version: str = "1"
    quantise: bool = True
    min_confidence: float = 0.4
    research_only: bool = False
    metrics: tuple[Path, ...] = ()
    requirements: Requirements = field(default_factory=Requirements)
    trust: Path | None = None


def check_place(output: Path, option: str = "--output", *, replace: bool = True) -> None:
    """Refuse a folder that a bundle may not replace.

    Args:
        output: the folder; one that is missing or empty will do.
        option: what chooses it, for the message.
        replace: whether one that holds a bundle will do, too.

    Raises:
        ConfigurationError: it holds something else, or a bundle that is not to be replaced.
    """
    if (output / MANIFEST).is_file() and not replace:
        raise ConfigurationError(f"{output}: holds a bundle already; --force replaces it, or choose another {option}")
    if output.exists() and not (output / MANIFEST).is_file() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigurationError(f"{output}: holds something that is not a model bundle; choose another {option}")


def export_bundle(run: Run, output: Path, settings: ExportSettings) -> list[Comparison]:
    """Write the bundle of a run.

    Args:
        run: a finished run.
        output: the folder of the bundle; a bundle that is there is replaced.
        settings: what may be chosen.

    Returns:
        How each variant compares with what it was made from.

    Raises:
        ParityError: a variant has drifted too far from the net.
        CorpusError: a training corpus allows research only.
        FeatureMismatch: the run was trained on features that this version does not compute.
        ConfigurationError: the folder holds something else, or a file of figures does not fit.
        OutputError: the bundle cannot be written.
    """
    check_place(output)
    kind = run.config.data.features
    extractor = make_extractor(kind, dict(EXTRACTORS[kind]().spec.parameters), run.baseline.digest)
    licence = licence_of(run.record["corpora"], research_only=settings.research_only)
    curves = [path for path in settings.metrics if is_curves(path)]
    figures = [path for path in settings.metrics if path not in curves]
    metrics = {
        "validation/utterance": validation_metrics(run.record),
        **read_metrics(figures, settings.name, settings.version),
    }
    noise = read_curves(curves, settings.name, settings.version, run.config.name)
    trusted = None if settings.trust is None else read_trust(settings.trust, run.config.name)
    if trusted is not None:
        run = replace(run, net=copy.deepcopy(run.net))
        run.net.soften(trusted["temperature"])
        settings = replace(settings, min_confidence=trusted["threshold"])
    draft = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
        comparisons, outputs = _write_variants(run, draft, settings)
        variants = {variant: draft / FILES[variant] for variant in outputs}
        state = state_of(run.net)
        write_golden(draft / GOLDEN, extractor, run.baseline, variants, state)
        manifest = {
            "schema": SCHEMA,
            "name": settings.name,
            "version": settings.version,
            "edge_ser": edge_app.__version__,
            "labels": list(run.config.data.labels),
            "dimensions": list(run.net.dimensions),
            "mapped": True,
            "features": {
                "kind": extractor.spec.kind,
                "parameters": dict(extractor.spec.parameters),
                "digest": extractor.spec.digest,
            },
            "window": {"length": WindowSpec().length, "hop": WindowSpec().hop},
            **({"state": state.as_dict()} if state else {}),
            "baseline": {
                "count": run.baseline.count,
                "mean": shortest(run.baseline.mean),
                "deviation": shortest(run.baseline.deviation),
            },
            **({"wearer": run.record["wearer"]} if "wearer" in run.record else {}),
            "decision": {
                "min_speech": MIN_SPEECH,
                "min_confidence": settings.min_confidence,
                **_limit(noise),
                "validation": _decided(list(outputs.values())[-1], run, settings.min_confidence),
            },
            "variants": {
                variant: {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
                for variant, path in variants.items()
            },
            "parameters": count_parameters(run.net),
            "numbers": {variant: numbers_in(path) for variant, path in variants.items()},
            "corpora": {name: str(corpus["licence"]) for name, corpus in run.record["corpora"].items()},
            "licence": licence,
            "research_only": settings.research_only,
            "metrics": metrics,
            **({"noise": noise} if noise else {}),
            **({"trust": trusted} if trusted else {}),
            "parity": {comparison.variant: comparison.as_dict() for comparison in comparisons},
            "training": _training(run, settings),
        }
        _finish(draft, manifest)
        _move_into_place(draft, output)
    except OSError as error:
        raise OutputError(f"{output}: the bundle cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return comparisons


def carry_figures(path: Path, files: tuple[Path, ...]) -> None:
    """Put more figures into a bundle: its model stays as it is; manifest, card and picture are written anew.

    Args:
        path: the folder of the bundle.
        files: of ``edge-ser evaluate --json`` or ``crossval --curves``; they replace those of the same condition.

    Raises:
        BundleError: the bundle is damaged.
        ConfigurationError: a file of figures does not fit.
        OutputError: the bundle cannot be written.
    """
    bundle = load_bundle(path)
    manifest = dict(bundle.manifest)
    curves = [file for file in files if is_curves(file)]
    figures = [file for file in files if file not in curves]
    manifest["metrics"] = {**bundle.metrics, **read_metrics(figures, bundle.name, bundle.version)}
    new = read_curves(curves, bundle.name, bundle.version, manifest["training"]["experiment"]["name"])
    kept = {heading(report): report for report in manifest.get("noise", [])}
    noise = list({**kept, **{heading(report): report for report in new}}.values())
    if noise:
        manifest["noise"] = noise
    decision = {key: value for key, value in manifest["decision"].items() if not key.startswith("min_snr")}
    manifest["decision"] = {**decision, **_limit(noise)}
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.mkdir(parents=True)
        for name in (GOLDEN, *(variant.file for variant in bundle.variants.values())):
            shutil.copyfile(path / name, draft / name)
        if "numbers" not in manifest:  # bundles from before they were counted
            manifest["numbers"] = {name: numbers_in(draft / entry.file) for name, entry in bundle.variants.items()}
        _finish(draft, manifest)
        _move_into_place(draft, path)
    except OSError as error:
        raise OutputError(f"{path}: the bundle cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _finish(draft: Path, manifest: dict[str, Any]) -> None:
    """Write the card, the picture where there are curves, and the manifest; check the whole."""
    manifest.pop("files", None)
    (draft / CARD).write_text(render_card(manifest), encoding="utf-8")
    listed = [GOLDEN, CARD]
    if "noise" in manifest:
        from train.noise_plots import draw_curves  # matplotlib takes a second, and few exports draw

        draw_curves(manifest["noise"], draft / PICTURE)
        listed.append(PICTURE)
    if "trust" in manifest:
        from train.trust_plots import draw_risk

        draw_risk(manifest["trust"], draft / RISK)
        listed.append(RISK)
    manifest["files"] = {name: sha256(draft / name) for name in listed}
    (draft / MANIFEST).write_text(to_json(manifest), encoding="utf-8")
    verify_bundle(load_bundle(draft))


def _limit(noise: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the curves say of the ratio below which the bundle claims nothing, as parts of ``decision``."""
    found = least_ratio_of(noise)
    return {} if found is None else {"min_snr_db": found[0], "min_snr_from": found[1]}


def _write_variants(run: Run, folder: Path, settings: ExportSettings) -> tuple[list[Comparison], dict[str, Outputs]]:
    """Write the model files and compare each with what it was made from, on the validation windows."""
    windows, truth = run.validation, run.validation_class
    state = state_of(run.net)
    export_onnx(run.net, windows.shape[1:], folder / FILES["fp32"])
    outputs: dict[str, Outputs] = {"fp32": onnx_outputs(folder / FILES["fp32"], state, windows)}
    comparisons = [compare("fp32", outputs["fp32"], "torch", torch_outputs(run.net, windows), truth)]
    require(comparisons[0], settings.requirements)
    if settings.quantise:
        quantise_int8(folder / FILES["fp32"], folder / FILES["int8"], run.calibration, state)
        outputs["int8"] = onnx_outputs(folder / FILES["int8"], state, windows)
        comparisons.append(compare("int8", outputs["int8"], "fp32", outputs["fp32"], truth))
        require(comparisons[1], settings.requirements)
    return comparisons, outputs


def _decided(outputs: Outputs, run: Run, least: float) -> dict[str, Any]:
    """What the confidence threshold does to single validation windows: how many get a label, and how many rightly."""
    probabilities = softmax(outputs["logits"])
    right = probabilities.argmax(axis=1) == run.validation_class
    decided = probabilities.max(axis=1) >= least
    return {
        "windows": len(right),
        "decided": round(float(decided.mean()), 4),
        "accuracy": round(float(right.mean()), 4),
        "accuracy_decided": round(float(right[decided].mean()), 4) if decided.any() else None,
    }


def _training(run: Run, settings: ExportSettings) -> dict[str, Any]:
    record, experiment = run.record, run.config.as_dict()
    experiment["data"]["corpora"] = [_portable_word(name) for name in run.config.data.corpora]
    return {
        "command": portable(str(record["command"])),
        "net": run.config.net,
        "experiment": experiment,
        "seed": int(record["seed"]),
        "epochs": int(record["epochs"]),
        "temperature": round(float(record["validation"]["temperature"]), 4),
        "calibration_windows": len(run.calibration) if settings.quantise else 0,
        "corpora": record["corpora"],
        "versions": record["versions"],
        **{key: record[key] for key in ("adapted", "pretrained") if key in record},
    }


def portable(command: str) -> str:
    """A command line whose absolute paths are cut to their last part: the folders of one machine mean nothing."""
    return shlex.join(_portable_word(word) for word in shlex.split(command))


def _portable_word(word: str) -> str:
    option, equals, value = word.partition("=")
    if equals and Path(value).is_absolute():
        return f"{option}={Path(value).name}"
    return Path(word).name if Path(word).is_absolute() else word


def shortest(values: Floats) -> list[float]:
    """The shortest decimal numbers that read back as the same float32 values."""
    return [float(str(np.float32(value))) for value in values]


def to_json(manifest: dict[str, Any]) -> str:
    """Indented JSON with a list of numbers on one line."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    return re.sub(r"\[\s+([-+.\deE,\s]+?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def _move_into_place(draft: Path, output: Path) -> None:
    """Put the new folder where the old one was; the old one comes back if that fails."""
    if not output.exists():
        draft.rename(output)
        return
    old = draft.with_suffix(".old")
    output.rename(old)
    try:
        draft.rename(output)
    except OSError:
        old.rename(output)
        raise
    shutil.rmtree(old)
