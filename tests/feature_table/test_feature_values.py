"""``edge-ser features``: the table holds what the extractors compute, in order."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from feature_tables import OURS, extracted, features, functionals, read_csv, samples_of

from edge_app.core.features import EXTRACTORS
from edge_app.core.types import SAMPLE_RATE, Window
from edge_app.core.windows import WindowSpec
from edge_app.errors import BackendMissing
from edge_app.feature_table.layout import TableSettings
from edge_app.feature_table.sets import FEATURE_SETS
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector


@pytest.mark.parametrize("kind", OURS)
def test_functionals_of_whole_recordings_are_the_extractors(kind: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "table.csv"
    done = features(folder, "--set", kind, "--output", output)
    assert (done.exit_code, done.output) == (0, "")
    header, places, values = read_csv(output)
    files = [folder / "a, first.wav", folder / "b.wav", folder / "deeper" / "c.flac"]
    assert header == ["file", "start", "end", *FEATURE_SETS[kind].functionals]
    assert places == [(str(files[0]), 0.0, 1.5), (str(files[1]), 0.0, 2.6), (str(files[2]), 0.0, 0.4)]
    for path, row in zip(files, values, strict=True):
        np.testing.assert_array_equal(row, functionals(kind, extracted(kind, path)))


@pytest.mark.parametrize("kind", OURS)
def test_descriptors_are_the_extractors_frames(kind: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "table.csv"
    assert features(folder / "b.wav", "--set", kind, "--level", "lld", "--output", output).exit_code == 0
    header, places, values = read_csv(output)
    frames = extracted(kind, folder / "b.wav")
    hop = EXTRACTORS[kind]().frame_hop
    assert header[3:] == list(FEATURE_SETS[kind].descriptors)
    np.testing.assert_array_equal(values, frames[:, : len(header) - 3])
    assert [start for _, start, _ in places] == [n * hop / SAMPLE_RATE for n in range(len(frames))]
    assert {round((end - start) * SAMPLE_RATE) for _, start, end in places} == {FEATURE_SETS[kind].span}
    assert places[-1][2] <= 2.6


@pytest.mark.parametrize("kind", OURS)
def test_windows_are_those_that_a_model_reads(kind: str, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "table.csv"
    done = features(folder / "b.wav", "--set", kind, "--window", "1", "--hop", "0.25", "--output", output)
    assert done.exit_code == 0, done.output
    _, places, values = read_csv(output)
    stream = WindowStream(EXTRACTORS[kind](), make_detector("none"), WindowSpec(16000, 4000))
    read: list[Window] = list(stream.feed(samples_of(folder / "b.wav"), 0))
    assert [place[1:] for place in places] == [(w.start / SAMPLE_RATE, w.end / SAMPLE_RATE) for w in read]
    assert len(places) == 7
    for row, window in zip(values, read, strict=True):
        wanted = functionals(kind, window.features) if kind == "logmel" else window.features
        np.testing.assert_array_equal(row, wanted)


def test_log_mel_means_are_librosas(folder: Path, tmp_path: Path) -> None:
    librosa = pytest.importorskip("librosa")
    features(folder / "b.wav", "--set", "logmel", "--output", tmp_path / "table.csv")
    _, _, ((*row,),) = read_csv(tmp_path / "table.csv")
    power = librosa.feature.melspectrogram(
        y=samples_of(folder / "b.wav"), sr=16000, n_fft=512, hop_length=256, center=False, n_mels=128
    )
    decibels = librosa.power_to_db(power, ref=1, amin=1e-10, top_db=None)
    np.testing.assert_allclose(row[0::2], decibels.mean(axis=1), atol=2e-3)
    np.testing.assert_allclose(row[1::2], decibels.std(axis=1), atol=2e-3)


def test_windows_by_hand() -> None:
    settings = TableSettings("logmel", window=1.0, hop=0.4)
    assert settings.stretches(32000) == [(0, 16000), (6400, 22400), (12800, 28800)]
    assert settings.stretches(16000) == [(0, 16000)]
    assert settings.stretches(8000) == [(0, 8000)]
    assert TableSettings("logmel", window=0.5).stretches(20000) == [(0, 8000), (8000, 16000)]
    assert TableSettings("logmel").stretches(20000) == [(0, 20000)]


def test_a_recording_shorter_than_a_window_is_one_row(folder: Path, tmp_path: Path) -> None:
    path = folder / "deeper" / "c.flac"
    features(path, "--set", "logmel", "--window", "1", "--output", tmp_path / "table.csv")
    _, places, values = read_csv(tmp_path / "table.csv")
    assert places == [(str(path), 0.0, 0.4)]
    np.testing.assert_array_equal(values[0], functionals("logmel", extracted("logmel", path)))


def test_rows_are_in_order_however_many_work(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.wav").write_text("text")
    alone = features(folder, "--set", "logmel", "--output", tmp_path / "alone.csv")
    together = features(folder, "--set", "logmel", "--jobs", "3", "--output", tmp_path / "together.csv")
    assert (tmp_path / "together.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert alone.exit_code == together.exit_code == 2
    assert alone.stderr == together.stderr
    assert "bad.wav: not an audio file" in alone.stderr


@pytest.mark.parametrize("level", ["functionals", "lld"])
def test_parquet_holds_what_csv_does(folder: Path, tmp_path: Path, level: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("table.csv", "table.parquet"):
        assert features(folder, "--set", "logmel", "--level", level, "--output", tmp_path / name).exit_code == 0
    header, places, values = read_csv(tmp_path / "table.csv")
    table = parquet.read_table(tmp_path / "table.parquet")
    assert table.schema.names == header
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "double"] + ["float"] * len(header[3:])
    assert list(zip(*(table.column(n).to_pylist() for n in range(3)), strict=True)) == places
    np.testing.assert_array_equal(np.stack([column.to_numpy() for column in table.columns[3:]], axis=1), values)


def test_a_table_of_many_groups_of_rows(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("edge_app.feature_table.writers.LINES", 7)
    monkeypatch.setattr("edge_app.feature_table.writers.GROUP", 100)
    for name in ("table.csv", "table.parquet"):
        features(folder, folder, "--set", "logmel", "--level", "lld", "--output", tmp_path / name)
    _, places, values = read_csv(tmp_path / "table.csv")
    file = parquet.ParquetFile(tmp_path / "table.parquet")
    assert file.metadata.num_row_groups == 4
    np.testing.assert_array_equal(file.read().column("logmel5").to_numpy(), values[:, 5])
    assert file.read().column("start").to_pylist() == [start for _, start, _ in places]
    assert len(places) == 2 * sum(len(extracted("logmel", path)) for path in folder.rglob("*.*"))


def test_parquet_without_pyarrow_says_what_brings_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = features(folder, "--set", "logmel", "--output", tmp_path / "table.parquet").exception
    assert isinstance(error, BackendMissing)
    assert "needs the package 'pyarrow': run pip install pyarrow" in str(error)
    assert "\n" not in str(error)
    assert features(folder, "--set", "logmel", "--output", tmp_path / "table.csv").exit_code == 0
    assert [path.name for path in tmp_path.glob("table*")] == ["table.csv"]
