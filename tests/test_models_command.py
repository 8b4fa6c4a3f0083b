"""``edge-ser models``, as a user meets it."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from edge_app.cli import main


@pytest.fixture
def folder(tiny_bundle, tmp_path, monkeypatch):
    """A folder of models that holds the tiny bundle under the default's name."""
    shutil.copytree(tiny_bundle, tmp_path / "models" / "joint")
    monkeypatch.setenv("EDGE_SER_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("edge_app.bundle.model_folders", lambda: [tmp_path / "models"])
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models" / "joint"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line; returns exit code, standard output and standard error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-ser", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return left.value.code or 0, captured.out, captured.err

    return call


def change(folder, **entries):
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_the_list_marks_the_default(folder, run):
    code, out, err = run("models")
    header, line = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split() == ["name", "version", "parameters", "size", "licence", "UAR"]
    assert line.startswith("*  tiny") and "896" in line and "fp32" in line and "Apache-2.0" in line


def test_the_list_shows_the_figure_that_says_most_about_strangers(folder, run):
    change(
        folder,
        metrics={"validation/utterance": {"uar": 0.8}, "urdu/utterance": {"uar": 0.61, "trained_on_corpus": False}},
    )
    assert "0.610 (urdu/utterance)" in run("models")[1]


def test_lists_and_shows_as_json(folder, run):
    listed = json.loads(run("models", "--json")[1])
    assert [(entry["name"], entry["default"], entry["parameters"]) for entry in listed] == [("tiny", True, 896)]
    assert json.loads(run("models", "show", "default", "--json")[1]) == json.loads((folder / "bundle.json").read_text())
    verified = json.loads(run("models", "verify", "--json")[1])
    assert verified[0]["variants"][0]["variant"] == "fp32"


def test_no_models_at_all(folder, run):
    shutil.rmtree(folder)
    assert run("models")[:2] == (0, "no models were found; set EDGE_SER_MODELS to a folder of bundles\n")


@pytest.mark.parametrize("name", [[], ["default"], ["joint"], ["models/joint"]])
def test_show_takes_a_name_or_a_folder(folder, run, name):
    code, out, _ = run("models", "show", *name)
    assert code == 0
    for words in ("tiny 1", "neutral, happiness, sadness, anger", "(mapped)", "0.25 s", "CC0", "model.onnx"):
        assert words in out


@pytest.mark.parametrize("arguments", [[], ["default"], ["--all"]])
def test_verify_says_ok(folder, run, arguments):
    code, out, err = run("models", "verify", *arguments)
    assert (code, err) == (0, "")
    assert out.startswith("tiny 1: ok (3 files; golden audio: fp32 within ")


def test_verify_takes_a_name_or_all(folder, run):
    assert run("models", "verify", "joint", "--all")[0] == 2
    code, out, err = run("models", "verify", "all")
    assert (code, out) == (2, "")
    assert "--all verifies all of them" in err
    shutil.copytree(folder, folder.parent / "all")
    assert run("models", "verify", "all")[0] == 0


DAMAGE = {
    "missing": (lambda f: (f / "model.onnx").unlink(), "No such file"),
    "changed": (lambda f: (f / "model.onnx").write_bytes(b"x"), "checksum differs"),
    "golden changed": (lambda f: (f / "golden.npz").write_bytes(b"x"), "checksum differs"),
    "future schema": (lambda f: change(f, schema=2), "schema 2, this version reads 1"),
    "other features": (
        lambda f: change(f, features={**json.loads((f / "bundle.json").read_text())["features"], "digest": "0" * 64}),
        "feature digest differs",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("arguments", [["default"], ["--all"]], ids=["one", "all"])
def test_damage_is_one_line_and_exit_code_2(folder, run, tiny_bundle, damage, arguments):
    shutil.copytree(tiny_bundle, folder.parent / "sound")
    spoil, words = DAMAGE[damage]
    spoil(folder)
    code, out, err = run("models", "verify", *arguments)
    assert code == 2
    assert err.count("\n") == 1 and err.startswith("edge-ser: ")
    assert words in err
    assert ("tiny 1: ok" in out) == (arguments == ["--all"])


def test_a_folder_without_a_manifest_is_no_model(folder, run):
    (folder / "bundle.json").unlink()
    code, _, err = run("models", "verify", "models/joint")
    assert code == 2
    assert err == "edge-ser: models/joint: no bundle.json in this folder, so it is not a model bundle\n"


def test_a_damaged_model_does_not_hide_the_others(folder, run, tiny_bundle):
    shutil.copytree(tiny_bundle, folder.parent / "sound")
    change(folder, schema=9)
    code, out, err = run("models")
    assert code == 2
    assert "tiny" in out
    assert err.count("\n") == 1 and "schema 9" in err


def test_an_unknown_model_is_one_line(folder, run):
    code, _, err = run("models", "show", "nosuch")
    assert code == 2
    assert err == (
        "edge-ser: no model 'nosuch': give the path of a bundle folder or one of the shipped models (joint)\n"
    )
