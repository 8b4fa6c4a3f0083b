"""From a run to a bundle."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from edge_app.bundle import load_bundle
from edge_app.core.baseline import Baseline
from edge_app.errors import ConfigurationError, CorpusError, FeatureMismatch, OutputError, ParityError
from edge_app.runtime.onnx import OnnxPredictor
from edge_app.verify import verify_bundle
from export.bundle import ExportSettings, export_bundle, portable, shortest
from export.command import export
from export.graph import export_onnx
from export.licence import ANY_USE, NON_COMMERCIAL, RESEARCH_ONLY, licence_of
from export.parity import Requirements
from train.corpora import find_corpus
from train.run import save_run

SETTINGS = ExportSettings(name="small", version="3")


@pytest.fixture(scope="session")
def exported(small_run, tmp_path_factory):
    """The folder of a bundle made from the small run, and how its variants compare."""
    folder = tmp_path_factory.mktemp("models") / "small"
    return folder, export_bundle(small_run, folder, SETTINGS)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_variant_says_what_the_net_says(exported):
    float_, integer = exported[1]
    assert (float_.variant, float_.reference, float_.windows) == ("fp32", "torch", 200)
    assert float_.logits <= 1e-4 and float_.dimensions <= 1e-4 and float_.agreement == 1
    assert (integer.variant, integer.reference) == ("int8", "fp32")
    assert integer.agreement >= 0.97
    assert abs(integer.uar_change) <= 0.03
    assert float_.uar > 0.9


def test_the_bundle_loads_and_verifies(exported, small_run):
    bundle = load_bundle(exported[0])
    assert [check.variant for check in verify_bundle(bundle).variants] == ["fp32", "int8"]
    assert bundle.variant_path()[0] == "int8"
    assert (bundle.name, bundle.version, bundle.licence) == ("small", "3", NON_COMMERCIAL)
    assert bundle.corpora == {"emodb": "CC0-1.0", "nemo": "CC BY-NC-SA 4.0"}
    assert bundle.parameters == sum(weight.numel() for weight in small_run.net.parameters())
    assert (bundle.min_speech, bundle.min_confidence) == (0.3, 0.4)
    assert np.array_equal(bundle.baseline.mean, small_run.baseline.mean)
    assert np.array_equal(bundle.baseline.deviation, small_run.baseline.deviation)
    assert bundle.manifest["parity"]["int8"]["agreement"] >= 0.97


def test_it_is_small_and_holds_nothing_else(exported):
    files = contents(exported[0])
    assert set(files) == {"bundle.json", "model.onnx", "model.int8.onnx", "golden.npz", "MODEL_CARD.md"}
    assert len(files["model.int8.onnx"]) <= 300_000
    assert len(files["model.int8.onnx"]) < len(files["model.onnx"]) / 2
    assert list(exported[0].parent.iterdir()) == [exported[0]]


def test_the_same_run_gives_the_same_bytes(exported, small_run, tmp_path):
    export_bundle(small_run, tmp_path / "again", SETTINGS)
    assert contents(tmp_path / "again") == contents(exported[0])


def test_no_trace_of_the_machine_remains(exported):
    for name, content in contents(exported[0]).items():
        assert b"/data/speech" not in content, name
        assert b"/site-packages" not in content, name
    assert load_bundle(exported[0]).manifest["training"]["command"] == "train small --root speech --output runs/small"


def test_graphs_are_clean(exported):
    kinds = {}
    for name in ("model.onnx", "model.int8.onnx"):
        model = onnx.load(exported[0] / name)
        kinds[name] = {node.op_type for node in model.graph.node}
        assert not model.graph.value_info and not model.metadata_props
        assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert "BatchNormalization" not in kinds["model.onnx"] | kinds["model.int8.onnx"]
    assert "Dropout" not in kinds["model.onnx"]
    assert "DequantizeLinear" in kinds["model.int8.onnx"]


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_any_batch_gives_the_same_answers(exported, small_run, variant):
    predictor = OnnxPredictor(load_bundle(exported[0]).variant_path(variant)[1])
    whole = predictor.run(small_run.validation[:7])["logits"]
    singles = np.concatenate([predictor.run(window[None])["logits"] for window in small_run.validation[:7]])
    np.testing.assert_allclose(singles, whole, atol=1e-4)


def test_without_quantisation_there_is_one_variant(small_run, tmp_path):
    comparisons = export_bundle(small_run, tmp_path / "float", dataclasses.replace(SETTINGS, quantise=False))
    assert [comparison.variant for comparison in comparisons] == ["fp32"]
    assert set(load_bundle(tmp_path / "float").variants) == {"fp32"}
    assert "int8:" not in (tmp_path / "float" / "MODEL_CARD.md").read_text()


# parity


def test_int8_that_has_drifted_leaves_nothing_behind(small_run, tmp_path):
    # A calibration that has seen next to no energy saturates every activation of real windows.
    broken = dataclasses.replace(small_run, calibration=small_run.calibration * np.float32(0.01))
    with pytest.raises(ParityError, match=r"int8 against fp32 on 200 real windows: same label on .*at least 97%"):
        export_bundle(broken, tmp_path / "drifted", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_keeps_the_bundle_that_was_there(exported, small_run, tmp_path):
    export_bundle(small_run, tmp_path / "kept", SETTINGS)
    strict = dataclasses.replace(SETTINGS, requirements=Requirements(float_error=-1.0))
    with pytest.raises(ParityError, match="fp32 against torch"):
        export_bundle(small_run, tmp_path / "kept", strict)
    assert contents(tmp_path / "kept") == contents(exported[0])
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_new_bundle_replaces_the_old_one_whole(small_run, tmp_path):
    folder = tmp_path / "model"
    export_bundle(small_run, folder, SETTINGS)
    (folder / "left over").write_text("from an older version")
    export_bundle(small_run, folder, dataclasses.replace(SETTINGS, quantise=False))
    assert set(contents(folder)) == {"bundle.json", "model.onnx", "golden.npz", "MODEL_CARD.md"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_no_bundle_is_never_replaced(small_run, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="not a model bundle; choose another --output"):
        export_bundle(small_run, tmp_path, SETTINGS)
    assert (tmp_path / "thesis.txt").is_file()


def test_a_place_that_cannot_be_written_is_one_clear_line(small_run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export_bundle(small_run, tmp_path / "file" / "model", SETTINGS)


# what is exported


def test_a_run_with_other_features_is_refused(small_run, tmp_path):
    other = Baseline("0" * 64, 1, small_run.baseline.mean, small_run.baseline.deviation)
    with pytest.raises(FeatureMismatch):
        export_bundle(dataclasses.replace(small_run, baseline=other), tmp_path / "x", SETTINGS)


@pytest.mark.parametrize(
    ("kinds", "licence"),
    [
        (["any use"], ANY_USE),
        (["any use", "non-commercial"], NON_COMMERCIAL),
        (["non-commercial"], NON_COMMERCIAL),
    ],
)
def test_the_strictest_corpus_decides_the_licence(kinds, licence):
    assert licence_of({str(n): {"shippable": kind} for n, kind in enumerate(kinds)}) == licence


@pytest.mark.parametrize("kind", ["research only", "something new"])
def test_a_corpus_for_research_only_is_refused_unless_marked(kind):
    corpora = {
        "emodb": {"shippable": "any use", "licence": "CC0-1.0"},
        "urdu": {"shippable": kind, "licence": "research only"},
    }
    with pytest.raises(CorpusError, match=r"urdu, which allow research only.*--research-only"):
        licence_of(corpora)
    with pytest.raises(CorpusError) as caught:
        licence_of(corpora)
    assert "not stated" not in str(caught.value)
    assert licence_of(corpora, research_only=True) == RESEARCH_ONLY


def test_an_unknown_licence_is_said_to_be_unknown(tmp_path):
    corpora = {
        name: {"shippable": corpus.shippable, "licence": corpus.licence}
        for name in ("emodb", str(tmp_path / "mine.csv"))
        for corpus in (find_corpus(name),)
    }
    with pytest.raises(
        CorpusError, match=r"the licence of \S*mine.csv is not stated.*column.*LICENCE.*--research-only"
    ):
        licence_of(corpora)
    assert licence_of(corpora, research_only=True) == RESEARCH_ONLY


def test_a_research_bundle_is_marked_in_manifest_and_card(small_run, tmp_path):
    settings = dataclasses.replace(SETTINGS, research_only=True, quantise=False)
    export_bundle(small_run, tmp_path / "closed", settings)
    bundle = load_bundle(tmp_path / "closed")
    assert bundle.manifest["research_only"] is True
    assert bundle.licence == RESEARCH_ONLY
    assert "**Research only.**" in (tmp_path / "closed" / "MODEL_CARD.md").read_text()


def test_a_net_in_training_mode_is_exported_as_in_evaluation(small_run, tmp_path):
    small_run.net.train()
    try:
        export_onnx(small_run.net, (61, 128), tmp_path / "net.onnx")
    finally:
        small_run.net.eval()
    with torch.no_grad():
        expected = small_run.net(torch.from_numpy(small_run.validation[:3])).logits.numpy()
    found = OnnxPredictor(tmp_path / "net.onnx").run(small_run.validation[:3])["logits"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_numbers_in_the_manifest_read_back_exactly(rng):
    values = rng.normal(0, 30, 500).astype(np.float32)
    assert np.array_equal(np.array(json.loads(json.dumps(shortest(values))), dtype=np.float32), values)


def test_a_manifest_is_named_without_its_folder(small_run, tmp_path):
    data = dataclasses.replace(small_run.config.data, corpora=("emodb", str(tmp_path / "mine.csv")))
    run = dataclasses.replace(small_run, config=dataclasses.replace(small_run.config, data=data))
    export_bundle(run, tmp_path / "model", dataclasses.replace(SETTINGS, quantise=False))
    experiment = load_bundle(tmp_path / "model").manifest["training"]["experiment"]
    assert experiment["data"]["corpora"] == ["emodb", "mine.csv"]


def test_a_command_keeps_its_words_but_not_its_folders():
    assert portable("train x.toml --root '/a b/c d' --output runs/x") == "train x.toml --root 'c d' --output runs/x"
    assert portable("train --root=/home/me/data") == "train --root=data"


# the command


def test_the_command_prints_parity_and_writes_the_bundle(small_run, tmp_path):
    run = dataclasses.replace(small_run, path=tmp_path / "run")
    save_run(run)
    output = tmp_path / "models" / "named"
    result = CliRunner().invoke(
        export, [str(run.path), "--quantize", "int8", "--output", str(output), "--version", "7"], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "Parity on 200 windows" in result.output
    assert "100.00%" in result.output
    assert load_bundle(output).version == "7"
    assert load_bundle(output).name == "small"


def test_the_command_replaces_a_bundle_only_when_forced(exported, small_run, tmp_path):
    save_run(dataclasses.replace(small_run, path=tmp_path / "run"))
    output = tmp_path / "model"
    shutil.copytree(exported[0], output)
    arguments = [str(tmp_path / "run"), "--output", str(output)]
    refused = CliRunner().invoke(export, arguments)
    assert isinstance(refused.exception, ConfigurationError)
    assert (
        str(refused.exception) == f"{output}: holds a bundle already; --force replaces it, or choose another --output"
    )
    assert contents(output) == contents(exported[0])
    assert CliRunner().invoke(export, [*arguments, "--force"], catch_exceptions=False).exit_code == 0
    assert set(load_bundle(output).variants) == {"fp32"}


@pytest.mark.parametrize("arguments", [["nosuch"], ["."]])
def test_a_folder_that_is_no_run_is_one_clear_line(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(export, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert "no finished training run here" in str(result.exception)
