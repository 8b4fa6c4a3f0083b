"""Robustness curves: each point is the evaluation of its condition, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from edge_app.bundle import load_bundle
from edge_app.cli import cli
from edge_app.errors import ConfigurationError, CorpusError, OutputError
from train.corpora import read_corpus
from train.evaluation import NoiseCondition, evaluate
from train.noise_curves import least_ratio, mean_curve, parse_snrs, speech_level
from train.noise_kinds import make_source

PNG = b"\x89PNG\r\n"


@pytest.fixture
def recordings(tmp_path, rng):
    """A folder with a minute of noise, more than any stream of utterances lasts, in pieces of 10 s."""
    folder = tmp_path / "street"
    folder.mkdir()
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, 160_000), 16_000)
    return folder


def run(*arguments):
    return CliRunner().invoke(cli, ["evaluate", *map(str, arguments)], env={"COLUMNS": "120"})


@pytest.mark.parametrize(
    ("text", "ratios"),
    [("clean,20,10,5,0,-5", (None, 20, 10, 5, 0, -5)), ("0, 7.5,clean", (None, 7.5, 0)), ("-5", (-5,))],
)
def test_ratios_are_read_from_clean_down(text, ratios):
    assert parse_snrs(text) == ratios


@pytest.mark.parametrize("text", ["loud", "", "5,,0", "nan", "inf", "100", "5,5", "clean,clean"])
def test_ratios_that_are_none(text):
    with pytest.raises(ConfigurationError, match="--snr"):
        parse_snrs(text)


def test_every_point_is_the_evaluation_of_its_condition(tiny_bundle, voices, recordings, tmp_path):
    output, picture = tmp_path / "curves.json", tmp_path / "curves.png"
    done = run(tiny_bundle, "--corpus", voices, "--noise", "pink,white", "--snr", "0,clean,10", "--json", output,
               "--png", picture)  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(output.read_text(encoding="utf-8"))
    assert (report["model"], report["chance"], report["seed"], report["trained_on_corpus"]) == ("tiny", 0.25, 0, False)
    bundle, utterances = load_bundle(tiny_bundle), read_corpus(str(voices))
    assert list(report["curves"]) == ["pink", "white"]
    for kind, curve in report["curves"].items():
        assert curve["heard_in_training"] is False
        assert [point["snr_db"] for point in curve["points"]] == [None, 10, 0]
        for point in curve["points"]:
            ratio = point["snr_db"]
            noise = None if ratio is None else NoiseCondition(make_source(kind, None), ratio)
            wanted = evaluate(bundle, utterances, noise=noise)
            assert all(point[key] == wanted[key] for key in point if key != "snr_db")
            assert f"{point['uar']:.3f}" in done.stdout
    assert picture.read_bytes().startswith(PNG)


def test_the_same_report_gives_the_same_picture(tiny_bundle, voices, tmp_path):
    for name in ("a", "b"):
        arguments = ("--corpus", voices, "--noise", "white", "--snr", "clean,0", "--png", tmp_path / f"{name}.png")
        assert run(tiny_bundle, *arguments).exit_code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_folder_makes_a_curve(tiny_bundle, voices, recordings):
    done = run(tiny_bundle, "--corpus", voices, "--noise", recordings, "--snr", "clean,5")
    assert done.exit_code == 0, done.output
    assert "street (heard in training?)" in done.stdout
    assert not done.stderr


def test_one_kind_at_one_ratio_makes_all_the_figures(tiny_bundle, voices):
    done = run(tiny_bundle, "--corpus", voices, "--noise", "pink", "--snr", "5")
    assert done.exit_code == 0, done.output
    assert "by utterance, noise pink at 5 dB" in done.stdout
    assert "rows: truth, columns: decision" in done.stdout


def test_the_level_of_speech_is_that_of_its_loud_part(tmp_path, rng):
    times = np.arange(32_000) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * k * times + k) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(25 * times))
    buzz *= 0.1 / np.sqrt(np.mean(buzz**2))
    soundfile.write(tmp_path / "a.wav", np.concatenate((np.zeros(64_000), buzz, np.zeros(64_000))), 16_000)
    (tmp_path / "one.csv").write_text("path,speaker,label\na.wav,x,anger\n", encoding="utf-8")
    assert speech_level(read_corpus(str(tmp_path / "one.csv"))) == pytest.approx(-20, abs=1.0)


def test_the_mean_curve_is_that_over_the_kinds():
    curves = {
        kind: {"points": [{"snr_db": ratio, "uar": uar} for ratio, uar in zip((None, 5), values, strict=True)]}
        for kind, values in {"pink": (0.8, 0.4), "white": (0.6, None)}.items()
    }
    assert mean_curve(curves) == [(None, pytest.approx(0.7)), (5, 0.4)]


@pytest.mark.parametrize(
    ("values", "ratio"),
    [
        ((0.9, 0.8, 0.7, 0.6), None),
        ((0.9, 0.8, 0.45, 0.25), 0 + 5 * (0.35 - 0.25) / (0.45 - 0.25)),
        ((0.9, 0.8, 0.35, 0.25), 5),
        ((0.9, 0.3, 0.25, 0.25), 10),
        ((0.3, 0.3, 0.4, 0.25), 10),
        ((0.9, 0.8, 0.3, 0.4), 5 + 5 * (0.35 - 0.3) / (0.8 - 0.3)),
    ],
)
def test_the_least_ratio_is_where_the_curve_comes_down_to_a_tenth_above_chance(values, ratio):
    points = [{"snr_db": at, "uar": uar} for at, uar in zip((None, 10, 5, 0), values, strict=True)]
    found = least_ratio({"chance": 0.25, "curves": {"pink": {"points": points}}})
    assert found == (None if ratio is None else pytest.approx(ratio, abs=0.05))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--snr", "5"], ConfigurationError, "--snr without --noise"),
        (["--noise", "thunder"], ConfigurationError, "no kind of noise 'thunder'"),
        (["--noise", "pink", "--snr", "loud"], ConfigurationError, "'loud' is no ratio"),
        (["--noise", "/nowhere"], CorpusError, "/nowhere: no such folder; check the path of the noise"),
        (["--png", "x.png"], ConfigurationError, "--png without curves"),
        (["--noise", "pink", "--png", "x.txt"], ConfigurationError, "--png x.txt: curves are drawn as PNG"),
        (["--noise", "pink", "--snr", "5", "--png", "x.png"], ConfigurationError, "--png without curves"),
        (["--noise", "pink", "--png", "/nowhere/x.png"], OutputError, "no folder /nowhere"),
    ],
)
def test_what_the_command_refuses(tiny_bundle, voices, arguments, error, message):
    done = run(tiny_bundle, "--corpus", voices, *arguments)
    assert isinstance(done.exception, error)
    assert message in str(done.exception)


def test_silent_speech_and_silent_noise_are_refused_by_name(tiny_bundle, voices, recordings, tmp_path):
    soundfile.write(tmp_path / "nobody.wav", np.zeros(16_000), 16_000)
    (tmp_path / "quiet.csv").write_text("path,speaker,label\nnobody.wav,x,anger\n", encoding="utf-8")
    done = run(tiny_bundle, "--corpus", tmp_path / "quiet.csv", "--noise", "pink")
    assert isinstance(done.exception, CorpusError)
    assert "nobody.wav: the speech is silent, so no signal-to-noise ratio can be set" in str(done.exception)
    soundfile.write(recordings / "nothing.wav", np.zeros(8000), 16_000)
    done = run(tiny_bundle, "--corpus", voices, "--noise", recordings)
    assert isinstance(done.exception, CorpusError)
    assert "nothing.wav: this recording of noise is silent" in str(done.exception)
