"""``edge-ser record``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from edge_app.cli import cli
from edge_app.errors import EdgeSerError
from train.commands.record import record
from train.noisy.report import BEGIN, END, as_table, find_achieved


@pytest.fixture
def arguments(voices: Path, sounds: Path, tmp_path: Path) -> list[str]:
    """Options that every run shares; the voices of the corpus are the noise's, too."""
    return ["--corpus", str(voices), "--kind", "environment", "--talkers", str(voices), "--noise", str(sounds),
            "--output", str(tmp_path / "out")]  # fmt: skip


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(record, list(arguments))


def test_all_conditions_of_the_paper_by_default(arguments: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{BEGIN}\nold\n{END}\n\nAfter.\n", encoding="utf-8")
    result = invoke("corpus", *arguments, "--limit", "3", "--markdown", str(page))
    assert result.exit_code == 0, result.output
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.csv"))
    assert found == [f"{condition}/{side}/voices.csv" for condition in ("0dB", "10dB", "5dB")
                     for side in ("test", "train")] + ["clean/voices.csv"]  # fmt: skip
    table = as_table(find_achieved(tmp_path / "out"))
    assert page.read_text(encoding="utf-8") == f"# Page\n\n{BEGIN}\n\n{table}\n\n{END}\n\nAfter.\n"
    assert table in result.output
    with (tmp_path / "out" / "5dB" / "test" / "voices.csv").open(newline="") as file:
        ratios = [float(row["snr"]) for row in csv.DictReader(file)]
    mean, deviation = np.mean(ratios), np.std(ratios)
    line = next(line for line in table.splitlines() if "| 5dB | test |" in line)
    assert f"| 3 | 0.1 | 4.34 | {mean:.2f} ± {deviation:.2f} | {min(ratios):.2f} | {max(ratios):.2f} |" in line


def test_a_larger_limit_goes_on_from_a_smaller_one(arguments: list[str], tmp_path: Path) -> None:
    chosen = ["--condition", "0dB", "--side", "train"]
    assert invoke("corpus", *arguments, *chosen, "--limit", "3").exit_code == 0
    audio = tmp_path / "out" / "0dB" / "train" / "audio"
    first = {path: path.stat().st_mtime_ns for path in audio.iterdir()}
    assert invoke("corpus", *arguments, *chosen, "--limit", "5").exit_code == 0
    assert len(list(audio.iterdir())) == 5
    assert all(path.stat().st_mtime_ns == before for path, before in first.items())


def test_clips_with_their_timelines(arguments: list[str], tmp_path: Path) -> None:
    result = invoke("clips", *arguments, "--count", "1", "--minutes", "0.3")
    assert result.exit_code == 0, result.output
    assert soundfile.info(tmp_path / "out" / "voices-0.flac").duration == 18.0
    with (tmp_path / "out" / "voices-0.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["end"]) == 18.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--noise", "nowhere"], "nowhere: no such folder; --noise must hold recordings of noise"),
        (["--corpus", "none.csv"], "none.csv: cannot be read"),
        (["--talkers", "nobody", "--kind", "babble"], "no corpus 'nobody'"),
        (["--markdown", "none.md"], "none.md: no such file"),
        (["--output", "/proc/none"], "choose another --output"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments: list[str], change: list[str], message: str) -> None:
    result = invoke("corpus", *arguments, "--limit", "1", "--condition", "0dB", "--side", "test", *change)
    assert isinstance(result.exception, EdgeSerError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_only_what_a_kind_needs_is_looked_for(voices: Path, sounds: Path, tmp_path: Path) -> None:
    shared = ["--corpus", str(voices), "--condition", "0dB", "--side", "train", "--limit", "1", "--root", str(tmp_path)]
    sounding = [*shared, "--kind", "environment", "--noise", str(sounds), "--output", str(tmp_path / "a")]
    assert invoke("corpus", *sounding).exit_code == 0
    speaking = [*shared, "--kind", "babble", "--output", str(tmp_path / "b")]
    result = invoke("corpus", *speaking)
    assert "librispeech" in str(result.exception)
    several = tmp_path / "several.csv"
    recordings = sorted(voices.parent.glob("*.wav"))[:10]
    names = ("cem", "dee", "eva", "fay", "jan")  # all of whom train, by their checksums
    lines = [f"{recording},{names[number // 2]},\n" for number, recording in enumerate(recordings)]
    several.write_text("path,speaker,label\n" + "".join(lines), encoding="utf-8")
    result = invoke("corpus", *speaking, "--talkers", str(several))
    assert result.exit_code == 0, result.output
    with (tmp_path / "b" / "0dB" / "train" / "voices.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["noise"] == "babble"
    assert len(row["noise_source"].split("; ")) == 10


def test_silent_speech_stops_the_build_by_name(arguments: list[str], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mute.wav", np.zeros(16_000), 16_000)
    manifest = tmp_path / "mute.csv"
    manifest.write_text("path,speaker,label\nmute.wav,x,anger\n", encoding="utf-8")
    result = invoke("corpus", *arguments, "--condition", "0dB", "--corpus", str(manifest))
    assert "mute.wav: the speech is silent, so no signal-to-noise ratio can be set" in str(result.exception)


def test_the_command_is_known() -> None:
    result = CliRunner().invoke(cli, ["record", "--help"])
    assert result.exit_code == 0
    assert "corpus" in result.output
    assert "clips" in result.output
