"""``edge-ser features``: which sets there are, and what each allows and needs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from device import run_device
from feature_tables import OURS, features, read_csv, samples_of

from edge_app.commands.features import SETS
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import SAMPLE_RATE
from edge_app.feature_table.sets import FEATURE_SETS, RESEARCH_SETS


def test_the_example_in_the_document_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "features.md"
    (code,) = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (folder / "b.wav").rename(folder / "speech.wav")
    monkeypatch.chdir(folder)
    exec(compile(code, "features.md", "exec"), {})
    printed = dict(line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines())
    features(folder / "speech.wav", "--output", tmp_path / "table.csv")
    header, _, ((*row,),) = read_csv(tmp_path / "table.csv")
    assert list(printed) == header[3:]
    np.testing.assert_array_equal(np.array(list(printed.values()), dtype=np.float32), row)


def test_the_sets_offered_are_those_there_are() -> None:
    assert (*FEATURE_SETS, *RESEARCH_SETS) == SETS
    assert set(FEATURE_SETS) <= set(EXTRACTORS)


@pytest.mark.parametrize("kind", OURS)
def test_names_are_one_per_number(kind: str) -> None:
    extractor = EXTRACTORS[kind]()
    names = FEATURE_SETS[kind]
    assert len(set(names.descriptors)) == len(names.descriptors) <= extractor.dimension
    expected = 2 * extractor.size if kind == "logmel" else extractor.size
    assert len(set(names.functionals)) == len(names.functionals) == expected


@pytest.mark.parametrize("level", ["functionals", "lld"])
def test_opensmile_says_what_its_licence_allows(folder: Path, tmp_path: Path, level: str) -> None:
    opensmile = pytest.importorskip("opensmile")
    output = tmp_path / "table.csv"
    done = features(folder, "--set", "opensmile-egemaps", "--level", level, "--output", output)
    assert done.exit_code == 0, done.output
    (line,) = done.stderr.splitlines()
    assert "licence allows research only" in line
    header, places, values = read_csv(output)
    ours = FEATURE_SETS["egemaps"]
    assert header[3:] == list(ours.functionals if level == "functionals" else ours.descriptors)
    kind = {"functionals": "Functionals", "lld": "LowLevelDescriptors"}[level]
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, getattr(opensmile.FeatureLevel, kind))
    wanted = smile.process_signal(samples_of(folder / "b.wav"), SAMPLE_RATE)
    chosen = [row for row, place in enumerate(places) if Path(place[0]).name == "b.wav"]
    np.testing.assert_array_equal(values[chosen], wanted.to_numpy())
    starts = [time.total_seconds() for time in wanted.index.get_level_values("start")]
    np.testing.assert_allclose([places[row][1] for row in chosen], starts, atol=1e-9)


def test_opensmile_is_for_the_repository_and_its_extra(folder: Path, tmp_path: Path) -> None:
    command = ("-m", "edge_app", "features", str(folder), "--set", "opensmile-egemaps", "--output", "table.csv")
    (tmp_path / "here").mkdir()
    installed = run_device(tmp_path / "here", *command)
    assert installed.returncode == 2
    assert "part of the repository, not of the installed package" in installed.stderr
    bare = run_device(tmp_path / "here", *command, hidden=["opensmile"])
    assert bare.returncode == 2
    assert bare.stderr == (
        "edge-ser: --set opensmile-egemaps needs the package 'opensmile': run pip install -e '.[opensmile]' in the "
        "repository\n"
    )


def test_our_features_need_no_training_side(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    output = tmp_path / "table.csv"
    done = run_device(
        tmp_path / "here", "-m", "edge_app", "features", str(folder), "--jobs", "2", "--output", str(output)
    )
    assert (done.returncode, done.stderr) == (0, "")
    header, places, _ = read_csv(output)
    assert (len(header), len(places)) == (91, 3)
