"""``edge-ser features``: the table holds what the extractors compute, in order, whole or not at all."""

from __future__ import annotations

import csv
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from device import run_device
from fakes import voice

from edge_app.audio.file import FileSource
from edge_app.batch import Progress, find_audio
from edge_app.cli import cli
from edge_app.commands.features import SETS
from edge_app.core.features import EXTRACTORS
from edge_app.core.types import SAMPLE_RATE, Floats, Window
from edge_app.core.windows import WindowSpec
from edge_app.errors import AudioFormatError, BackendMissing, ConfigurationError, OutputError
from edge_app.feature_table.layout import TableSettings
from edge_app.feature_table.run import all_rows, recording_rows
from edge_app.feature_table.sets import FEATURE_SETS, RESEARCH_SETS, make_computer
from edge_app.pipeline import WindowStream
from edge_app.vad import make_detector

Table = tuple[list[str], list[tuple[str, float, float]], np.ndarray]
OURS = list(FEATURE_SETS)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Recordings whose order by name, by depth and by length differ."""
    root = tmp_path / "recordings"
    (root / "deeper").mkdir(parents=True)
    for name, duration in (("b.wav", 2.6), ("deeper/c.flac", 0.4), ("a, first.wav", 1.5)):
        soundfile.write(root / name, voice(rng, duration), SAMPLE_RATE)
    return root


def features(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["features", *map(str, arguments)])


def read_csv(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    places = [(name, float(start), float(end)) for name, start, end, *_ in lines]
    return header, places, np.array([line[3:] for line in lines], dtype=np.float32)


def samples_of(path: Path) -> Floats:
    blocks: list[Floats] = []
    FileSource(path).run(lambda block: blocks.append(block.samples), threading.Event())
    return np.concatenate(blocks)


def extracted(kind: str, path: Path) -> Floats:
    """All frames of a recording, given to the extractor at once."""
    extractor = EXTRACTORS[kind]()
    return np.concatenate([extractor.feed(samples_of(path)), extractor.finish()])


def functionals(kind: str, frames: Floats) -> Floats:
    """Functionals of frames: the extractor's own, or mean and deviation where a model reads frames."""
    if kind == "logmel":
        exact = frames.astype(np.float64)
        return np.array([f(band) for band in exact.T for f in (np.mean, np.std)], dtype=np.float32)
    return EXTRACTORS[kind]().summarise(frames, len(frames))


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


@pytest.mark.parametrize("kind", OURS)
def test_recordings_of_every_sort(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    speech = voice(rng, 1.0)
    soundfile.write(tmp_path / "a-silence.wav", np.zeros(16000), 16000)
    soundfile.write(tmp_path / "b-phone.wav", speech[::2], 8000)
    soundfile.write(tmp_path / "c-stereo.wav", np.stack([speech, speech], axis=1), 16000)
    soundfile.write(tmp_path / "d-mono.wav", speech, 16000)
    soundfile.write(tmp_path / "e-click.wav", np.eye(1, 16000, 8000)[0], 16000)
    done = features(tmp_path, "--set", kind, "--output", tmp_path / "table.csv")
    assert (done.exit_code, done.output) == (0, "")
    _, places, values = read_csv(tmp_path / "table.csv")
    assert [Path(name).name[0] for name, _, _ in places] == list("abcde")
    assert np.isfinite(values).all()
    assert not np.signbit(values[values == 0]).any()  # read back, "-0" would be
    np.testing.assert_array_equal(values[2], values[3])


def test_bad_files_get_a_line_each_and_no_rows(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "b.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[:32044])
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "nan.wav", np.array([0.1] * 16000 + [np.nan]), 16000, subtype="FLOAT")
    soundfile.write(folder / "short.wav", np.zeros(100), 16000)
    (folder / "text.wav").write_text("hello")
    (tmp_path / "bare").mkdir()
    arguments = (folder, folder / "none.wav", tmp_path / "bare", "--set", "logmel")
    done = features(*arguments, "--output", tmp_path / "table.csv")
    assert done.exit_code == 2
    said = done.stderr.splitlines()
    assert len(said) == 7
    for line, part in zip(said, (
        "bare: no audio files in this folder", "cut.wav: truncated, its header promises 2.60 s and 1.00 s are there",
        "empty.wav: the file is empty", "nan.wav: sample 16000 (1.000 s) is not a finite number",
        "short.wav: too short for one frame of features (0.006 s)", "text.wav: not an audio file", "none.wav: no such",
    ), strict=True):  # fmt: skip
        assert line.startswith("edge-ser: ")
        assert part in line
    _, places, _ = read_csv(tmp_path / "table.csv")
    assert [Path(name).name for name, _, _ in places] == ["a, first.wav", "b.wav", "c.flac"]


def test_a_computer_starts_afresh_after_a_recording_that_broke_off(folder: Path) -> None:
    computer = make_computer(TableSettings("logmel"))
    wanted = recording_rows(computer, folder / "b.wav").values
    (folder / "cut.wav").write_bytes((folder / "b.wav").read_bytes()[:32044])
    with pytest.raises(AudioFormatError, match="truncated"):
        recording_rows(computer, folder / "cut.wav")
    np.testing.assert_array_equal(recording_rows(computer, folder / "b.wav").values, wanted)


def test_where_nothing_can_be_read_no_table_is_left_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "table.csv").write_text("old\n")
    for name in ("table.csv", "new.csv"):
        assert features(tmp_path / "text.wav", "--set", "logmel", "--output", tmp_path / name).exit_code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "text.wav"]
    assert (tmp_path / "table.csv").read_text() == "old\n"


def test_a_recording_is_never_the_output(folder: Path) -> None:
    (folder / "b.wav").rename(folder / "b.csv")
    before = (folder / "b.csv").read_bytes()
    error = features(folder / "b.csv", "--set", "logmel", "--output", folder / "b.csv").exception
    assert isinstance(error, ConfigurationError)
    assert (folder / "b.csv").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_full_disk_is_one_error(folder: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / f"full{suffix}").symlink_to("/dev/full")
    error = features(folder, "--set", "logmel", "--output", tmp_path / f"full{suffix}").exception
    assert isinstance(error, OutputError)
    assert "no space left on device" in str(error)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hop", "1"], "--hop without --window"),
        (["--level", "lld", "--window", "1"], "--window is for functionals"),
        (["--window", "nan"], "--window is nan s; give at least 0.01 s"),
        (["--window", "inf"], "--window is inf s"),
        (["--window", "1", "--hop", "0"], "--hop is 0 s; give at least 0.01 s"),
        (["--window", "1", "--hop", "-1"], "--hop is -1 s"),
        (["--window", "0.02"], "--window is 0.02 s, too short for a frame of these features; give 0.032 or more"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    error = features(folder, "--set", "logmel", *arguments, "--output", tmp_path / "table.csv").exception
    assert isinstance(error, ConfigurationError)
    assert says in str(error)
    assert not list(tmp_path.glob("table*"))


@pytest.mark.parametrize("name", ["table", "table.txt", "table.xlsx"])
def test_other_kinds_of_tables_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    error = features(folder, "--set", "logmel", "--output", tmp_path / name).exception
    assert isinstance(error, ConfigurationError)
    assert "give a name that ends in .csv or .parquet" in str(error)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_name_that_is_not_utf8(folder: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/n\xff.wav"))
    (folder / "b.wav").rename(odd)
    done = features(odd, "--set", "logmel", "--output", tmp_path / f"table{suffix}")
    assert done.exit_code == 0, done.output
    assert b"n\\udcff.wav" in (tmp_path / f"table{suffix}").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("odd", ["new\nline.wav", "carriage\rreturn.wav", "com,ma.wav", 'quo"te.wav'])
def test_a_name_of_odd_characters_is_read_back(folder: Path, tmp_path: Path, odd: str) -> None:
    (folder / "b.wav").rename(folder / odd)
    done = features(folder / odd, "--set", "logmel", "--output", tmp_path / "table.csv")
    assert done.exit_code == 0, done.output
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))
    assert {row[0] for row in rows[1:]} == {str(folder / odd)}
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_pipes_are_refused_and_hidden_files_passed_over(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe.wav")
    done = features(folder / "pipe.wav", "--output", tmp_path / "table.csv")
    assert done.exit_code == 2
    assert "pipe.wav: a pipe or a device, not a file" in done.output
    (folder / "._b.wav").write_bytes(b"notes of a file manager")
    assert {path.name for path in find_audio([folder])[0]} == {"a, first.wav", "b.wav", "c.flac"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_end_where_somebody_asks_for_it(folder: Path, jobs: int) -> None:
    stop = threading.Event()
    rows = all_rows([folder / "b.wav"] * 4, TableSettings("logmel"), jobs, stop)
    next(rows)
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        next(rows)


def ended(path: Path) -> None:
    """What a process does that runs out of memory."""
    os._exit(1)


def test_a_process_that_is_ended_from_outside_is_one_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.feature_table.run._work", ended)
    error = features(folder, "--set", "logmel", "--jobs", "2", "--output", tmp_path / "table.csv").exception
    assert isinstance(error, ConfigurationError)
    assert "--jobs 2: a process was ended from outside" in str(error)
    assert not (tmp_path / "table.csv").exists()


def test_an_interruption_leaves_the_part_and_never_the_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(progress: Progress, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "finished", interrupted)
    done = features(folder, "--set", "logmel", "--output", tmp_path / "table.csv")
    assert done.exit_code == 130
    assert "interrupted; " in done.output
    assert [path.name for path in tmp_path.glob("table*")] == ["table.csv.part"]


def test_the_example_in_the_document_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parent.parent / "docs" / "features.md"
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
