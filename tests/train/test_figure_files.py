"""Whatever file of figures is given, the message says which one was wanted and what writes it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from edge_app.errors import ConfigurationError
from train.figure_files import CPC, CROSS_VALIDATION, CURVES, DAS, DLN, EVALUATION, FigureFile

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "docs" / "results"
KINDS = {
    "evaluate": EVALUATION, "crossval": CROSS_VALIDATION, "noise": CURVES, "das": DAS, "dln": DLN, "cpc": CPC,
}  # fmt: skip
FILES = [(name, path) for name in KINDS for path in sorted(RESULTS.glob(f"{name}-*.json"))]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "path"), FILES, ids=[path.stem for _, path in FILES])
def test_every_result_is_of_its_kind_and_of_no_other(name, path):
    for other, kind in KINDS.items():
        if other == name:
            assert kind.read(path) == json.loads(path.read_text(encoding="utf-8"))
        else:
            with pytest.raises(ConfigurationError):
                kind.read(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("[1]", "a list where an object should be"),
        ("{}", "it has no 'model'"),
        ('{"model": "small"}', "it has no 'version'"),
    ],
)
def test_the_message_names_the_file_what_is_missing_and_the_command(tmp_path, text, reason):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        EVALUATION.read(path)
    assert (
        str(caught.value) == f"{path}: not the figures of a model ({reason}); give a file of edge-ser evaluate --json"
    )


def test_a_file_that_is_missing_a_folder_or_no_text(tmp_path):
    with pytest.raises(ConfigurationError, match=r"gone\.json: .*\(no such file or directory\)"):
        CURVES.read(tmp_path / "gone.json")
    with pytest.raises(ConfigurationError, match=r"\(is a directory\)"):
        CURVES.read(tmp_path)
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"a\.json: not robustness curves \('utf-8' codec can't decode"):
        CURVES.read(tmp_path / "a.json")


def test_what_is_not_as_it_should_be_is_blamed_on_the_file(tmp_path):
    kind = FigureFile("numbers", "count", ("n",))
    found = kind.read(write(tmp_path / "a.json", {"n": "many"}))
    words = r"a\.json: not numbers \(invalid literal.*give a file of count"
    with pytest.raises(ConfigurationError, match=words), kind.expected(tmp_path / "a.json"):
        int(found["n"])


@pytest.mark.parametrize(
    ("script", "function", "name", "words"),
    [
        ("write-results", "main", "evaluate-x.json", "not the figures of a model (it has no 'version')"),
        ("write-results", "main", "crossval-x.json", "not a cross-validation (it has no 'config')"),
        ("write-results", "main", "egemaps-svc.json", "(it has no 'emodb_loso_uar'); give a file of scripts/measure-"),
        ("write-noise-page", "main", "noise-x.json", "not robustness curves (it has no 'type')"),
        ("measure-baselines", "write_table", "baseline-x.json", "not what a baseline is worth (it has no 'protocol')"),
    ],
)
def test_scripts_name_the_wrong_file_and_leave_the_page(tmp_path, script, function, name, words):
    found = runpy.run_path(str(REPOSITORY / "scripts" / script))[function]
    write(tmp_path / name, {"model": "small"})
    page = tmp_path / "page.md"
    begin, end = found.__globals__.get("BEGIN", ""), found.__globals__.get("END", "")
    page.write_text(f"{begin}\nold\n{end}\n", encoding="utf-8")
    found.__globals__.update(RESULTS=tmp_path, README=page, PAGE=page)
    with pytest.raises(SystemExit) as caught:
        found()
    assert str(caught.value).startswith(f"{script}: {tmp_path / name}: ")
    assert words in str(caught.value)
    assert "old" in page.read_text(encoding="utf-8")
