"""The experiment of Leem et al.: roles, scenes, figures worked by hand, and a study on made features and on the command
line."""

import csv
import json
import shutil
from dataclasses import replace
from fnmatch import fnmatch

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from buzz import voice  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from scipy import stats  # noqa: E402

from edge_app.cli import cli  # noqa: E402
from edge_app.core.labels import AFFECT_NORMS, FOUR_CLASSES  # noqa: E402
from edge_app.errors import CorpusError  # noqa: E402
from train.config import load_config, parse_config  # noqa: E402
from train.corpora import Utterance, read_corpus, read_utterance  # noqa: E402
from train.corpora.layout import audio_files  # noqa: E402
from train.dln import trials  # noqa: E402
from train.dln.experiment import ADAPTED, CONDITIONS, DECOUPLED, DENSE, LADDER, NETS, Result, Study, run_trial  # noqa: E402
from train.dln.figures import NOISE, collect  # noqa: E402
from train.dln.page import render_page  # noqa: E402
from train.dln.protocol import deal_roles, thinned  # noqa: E402
from train.dln.published import PUBLISHED  # noqa: E402
from train.dln.recorded import read_recorded, twins  # noqa: E402
from train.dln.scenes import MARGIN, PATTERNS, Radio, Scene, SceneRecorder, spoken_part  # noqa: E402
from train.noise import NoiseBank, rms  # noqa: E402

SPEAKERS = 12


def people(path, count=SPEAKERS, takes=8):
    return [
        Utterance(path=path, corpus=corpus, speaker=f"{corpus}/{speaker}", language="de", label=FOUR_CLASSES[take % 4])
        for corpus in ("one", "two")
        for speaker in range(count)
        for take in range(takes)
    ]


# who does what


def test_everybody_has_one_role_and_every_corpus_all_of_them(tmp_path):
    utterances = people(tmp_path)
    roles = deal_roles(utterances, 3)
    together = np.concatenate(list(roles.values()))
    assert sorted(together) == list(range(len(utterances)))
    speakers = {role: {utterances[n].speaker for n in numbers} for role, numbers in roles.items()}
    assert sum(len(each) for each in speakers.values()) == 2 * SPEAKERS
    assert {role: len(each) for role, each in speakers.items()} == {
        "training": 10, "test": 6, "unlabelled": 6, "development": 2
    }  # fmt: skip
    assert all({name.split("/")[0] for name in each} == {"one", "two"} for each in speakers.values())
    again, other = deal_roles(utterances, 3), deal_roles(utterances, 4)
    assert all(np.array_equal(roles[role], again[role]) for role in roles)
    assert not all(np.array_equal(roles[role], other[role]) for role in roles)


def test_too_few_speakers_are_named(tmp_path):
    with pytest.raises(CorpusError, match="one: 3 speakers, too few to train, adapt, choose and test"):
        deal_roles(people(tmp_path, count=3), 0)


def test_thinning_keeps_order_and_so_many_of_each(tmp_path):
    utterances = [replace(u, start=float(at)) for at, u in enumerate(people(tmp_path))]
    kept = thinned(utterances, 3, 0)
    assert len(kept) == 2 * SPEAKERS * 3
    assert [u.start for u in kept] == sorted(u.start for u in kept)
    assert thinned(utterances, 0, 0) == utterances
    assert thinned(utterances, 100, 0) == utterances


# what is heard


def test_an_utterance_is_cut_to_its_speech(rng):
    speech = voice(150, 0.15, 1.0, rng)
    silence = np.zeros(16000, dtype=np.float32)
    start, stop = spoken_part(np.concatenate((silence, speech, silence)))
    assert 16000 - MARGIN - 1600 <= start <= 16000
    assert 32000 <= stop <= 32000 + MARGIN + 8000
    assert spoken_part(speech)[0] >= 0 and spoken_part(speech)[1] <= len(speech)


def test_the_sides_of_the_radio_share_neither_speakers_nor_folds(corpora):
    for folder, part in (("unlabelled/librispeech", 0), ("noise/esc10", 1)):
        names = [path.name for path in audio_files(corpora / folder, recursive=True)]
        found = {
            side: {name.split("-")[0] for name in names if fnmatch(name, patterns[part])}
            for side, patterns in PATTERNS.items()
        }
        assert found["train"] and found["test"] and not found["train"] & found["test"]
        assert found["train"] | found["test"] == {name.split("-")[0] for name in names}


def test_the_radio_plays_voices_over_sounds(tmp_path, rng):
    for name in ("talkers", "sounds"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "a.wav", rng.normal(0, 0.1, 48000), 16000)
    radio = Radio(NoiseBank(tmp_path / "talkers"), NoiseBank(tmp_path / "sounds"))
    for length in (8000, 60000):
        played = radio.draw(length, rng)
        assert played.shape == (length,) and played.dtype == np.float32 and rms(played) > 0.5


def test_what_is_heard_in_a_scene_depends_on_its_number_alone(corpora):
    utterance = read_corpus("emodb", corpora)[0]
    samples = read_utterance(utterance)
    recorder = SceneRecorder(Scene("0dB"), corpora)
    first = recorder.record(samples, 4)
    np.testing.assert_array_equal(first, recorder.record(samples, 4))
    assert not np.array_equal(first, recorder.record(samples, 5))
    assert len(SceneRecorder(Scene(), corpora).record(samples, 4)) == len(first)


# figures


def moments_of(x, y):
    return np.array([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])


def made_results(rng, quality):
    """Three speakers, whose answers follow the truth as closely as the net's quality."""
    found = []
    for net in NETS:
        for condition in CONDITIONS:
            truth = rng.normal(size=(3, 40, 3))
            answers = quality[net] * truth + rng.normal(0, 0.5, size=truth.shape)
            sums = np.array([[moments_of(truth[s, :, a], answers[s, :, a]) for a in range(3)] for s in range(3)])
            counts = rng.integers(1, 9, size=(3, 4, 4)).astype(float)
            found.append((Result(net, condition, sums, counts, {}), truth, answers))
    return found


def test_figures_are_means_over_trials_and_paired_tests(rng):
    quality = {DENSE: 0.2, ADAPTED: 0.5, LADDER: 0.8, DECOUPLED: 1.0}
    trials = [made_results(rng, quality) for _ in range(5)]
    figures = collect([[result for result, _, _ in trial] for trial in trials])

    def ccc(trial, net, condition, attribute):
        _, truth, answers = next(t for t in trial if (t[0].net, t[0].condition) == (net, condition))
        x, y = truth[..., attribute].ravel(), answers[..., attribute].ravel()
        return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)

    by_hand = np.array([ccc(trial, DECOUPLED, "5dB", 1) for trial in trials])
    found = figures["means"][DECOUPLED]["valence"]["5dB"]
    assert found["mean"] == pytest.approx(by_hand.mean(), abs=1e-4)
    assert found["deviation"] == pytest.approx(by_hand.std(ddof=1), abs=1e-4)
    assert found["interval"][0] <= found["mean"] <= found["interval"][1]
    noisy = {
        net: np.array([np.mean([ccc(trial, net, c, 0) for c in CONDITIONS[1:]]) for trial in trials])
        for net in (DECOUPLED, DENSE)
    }
    difference = figures["differences"][f"{DECOUPLED} - {DENSE}"]["arousal"][NOISE]
    assert difference["mean"] == pytest.approx((noisy[DECOUPLED] - noisy[DENSE]).mean(), abs=1e-4)
    assert difference["p"] == pytest.approx(stats.ttest_rel(noisy[DECOUPLED], noisy[DENSE]).pvalue, rel=0.1)
    counts = sum(
        result.confusion.sum(axis=0)
        for result, _, _ in trials[0]
        if (result.net, result.condition) == (LADDER, "clean")
    )
    one_trial = collect([[result for result, _, _ in trials[0]]])
    assert one_trial["means"][LADDER]["uar"]["clean"]["mean"] == pytest.approx(
        np.mean(np.diag(counts) / counts.sum(axis=1)), abs=1e-4
    )
    assert one_trial["means"][LADDER]["uar"]["clean"]["deviation"] is None


def test_the_papers_means_are_in_the_issue_of_record():
    assert [PUBLISHED[net, "arousal"]["0dB"] for net in (DENSE, LADDER, DECOUPLED)] == [0.192, 0.364, 0.402]
    assert len(PUBLISHED) == 9


# a study


@pytest.fixture
def study(tmp_path, rng):
    """Functionals that tell the dimensions; noise shifts and stretches all of them."""
    utterances = people(tmp_path)
    roles = deal_roles(utterances, 0)
    mixing = rng.normal(size=(3, 20))
    affect = np.array([AFFECT_NORMS[str(u.label)] for u in utterances])
    clean = (affect @ mixing + rng.normal(0, 0.3, size=(len(utterances), 20))).astype(np.float32)
    stretch, shift = rng.uniform(0.3, 2, 20), rng.normal(0, 3, 20)
    features = {}
    for condition in CONDITIONS:
        values = clean if condition == "clean" else (clean * stretch + shift).astype(np.float32)
        features |= {(condition, role): values[numbers] for role, numbers in roles.items()}
    config = parse_config(
        {
            "name": "x",
            "model": {"net": "dln", "hidden": [8, 8]},
            "ladder": {"statistics": "unlabelled"},
            "optimiser": {"epochs": 1, "steps": 50, "batch": 32, "rate": 2e-2},
        },
        "test",
    )
    return Study(utterances, roles, features, config)


def test_ladders_gain_where_the_place_changes_the_functionals(study):
    results = list(run_trial(study, 0, ("clean", "0dB")))
    assert [(r.net, r.condition) for r in results] == [(net, c) for c in ("clean", "0dB") for net in NETS]
    figures = collect([results])["means"]
    for net in (ADAPTED, LADDER, DECOUPLED):
        assert figures[net]["arousal"][NOISE]["mean"] > figures[DENSE]["arousal"][NOISE]["mean"] + 0.1
        assert figures[net]["uar"][NOISE]["mean"] > figures[DENSE]["uar"][NOISE]["mean"]
    assert figures[DENSE]["arousal"]["clean"]["mean"] > 0.8
    counts = results[0].confusion
    assert counts.shape == (6, 4, 4) and counts.sum() == len(study.roles["test"])


def test_a_trial_is_the_same_again_and_another_is_another(study):
    def answers(trial):
        quick = replace(study.config, optimiser=replace(study.config.optimiser, steps=3))
        return np.stack([result.moments for result in run_trial(replace(study, config=quick), trial, ("5dB",))])

    first = answers(1)
    np.testing.assert_array_equal(first, answers(1))
    assert not np.array_equal(first, answers(2))


def test_a_finished_trial_is_kept_and_belongs_to_its_study(study, tmp_path, monkeypatch):
    made = made_results(np.random.default_rng(0), dict.fromkeys(NETS, 0.5))
    results = [replace(result, analysis={"emotion": [0.5]}) for result, _, _ in made]
    asked = []
    monkeypatch.setattr(trials, "run_trial", lambda study, trial: asked.append(trial) or iter(results))
    digest = trials.study_digest(study)
    for _ in range(2):
        found = trials.kept_trial(study, 3, digest, tmp_path / "cache")
        assert collect([found]) == collect([results])
    assert asked == [3]
    louder = {key: values * np.float32(1.01) for key, values in study.features.items()}
    others = (replace(study, features=louder), replace(study, judged="development"),
              replace(study, config=study.config.with_seed(1)))  # fmt: skip
    assert len({digest, *map(trials.study_digest, others)}) == 4


def test_the_wrong_embedding_gives_back_less(study):
    analysis = next(r.analysis for r in run_trial(study, 0, ("0dB",)) if r.net == DECOUPLED)
    assert set(analysis) == {"reconstruction", "emotion", "reconstruction told", "emotion told"}
    assert analysis["emotion"][-1] > analysis["reconstruction"][-1]
    assert 0 < analysis["reconstruction told"][0] <= 1
    assert analysis["emotion told"][0] <= 1
    uneven = replace(study, config=replace(study.config, net_parameters={"hidden": [8, 8], "split": 0.25}))
    analysis = next(r.analysis for r in run_trial(uneven, 0, ("0dB",)) if r.net == DECOUPLED)
    assert set(analysis) == {"reconstruction", "reconstruction told", "emotion told"}


def test_the_page_has_every_table(study):
    config = study.config.as_dict()
    content = {
        "features": "egemaps", "digest": "0123456789abcdef", "notice": None, "recorded": False, "trials": 1,
        "mapped": True,
        "roles": {role: {"utterances": len(n), "speakers": ["a"]} for role, n in study.roles.items()},
        "settings": config["ladder"], **collect([list(run_trial(study, 0))]),
    }  # fmt: skip
    page = render_page([json.loads(json.dumps(content))])
    for words in (
        "(0.631)",
        "(0.402)",
        "decoupled ladder minus dense net",
        "### UAR, 4 classes",
        "CCC of arousal (mapped)",
        "`0123456789ab`",
    ):
        assert words in page
    assert " nan" not in page and "[nan" not in page


# the command


@pytest.fixture
def recorded(tmp_path, rng):
    """A folder as edge-ser record writes it: five speakers, every condition and side, noisy ones louder and hoarse."""
    folder, lines = tmp_path / "noisy", []
    sides = ["clean", *(f"{c}/{side}" for c in CONDITIONS[1:] for side in ("train", "test"))]
    for side in sides:
        (folder / side / "audio").mkdir(parents=True)
    number = 0
    for speaker in range(5):
        for at, label in enumerate(FOUR_CLASSES):
            for _ in range(2):
                samples = voice(120 + 10 * speaker + 40 * at, 0.1, 1.2, rng)
                name = f"audio/{number:05d}-x.flac"
                for side in sides:
                    noise = 0.0 if side == "clean" else 0.02
                    soundfile.write(folder / side / name, samples + rng.normal(0, noise, len(samples)), 16000)
                lines.append((name, speaker, label))
                number += 1
    for side in sides:
        with (folder / side / "made.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("path", "speaker", "label"), *lines])
    return folder


def test_recordings_are_found_and_cut_as_the_clean_ones(recorded):
    clean = read_recorded(recorded)
    assert len(clean) == 40 and all(0 <= u.start < u.end <= 1.3 for u in clean)
    other = twins(clean, recorded / "5dB" / "test")
    assert [(u.start, u.end, u.path.name, u.label) for u in other] == [
        (u.start, u.end, u.path.name, u.label) for u in clean
    ]
    assert all("5dB" in str(u.path) for u in other)
    (recorded / "5dB" / "test" / "made.csv").write_text("path,speaker,label\naudio/00000-x.flac,0,anger\n")
    with pytest.raises(CorpusError, match=r"no recording of 00001-x.flac; record all conditions alike"):
        twins(clean, recorded / "5dB" / "test")
    with pytest.raises(CorpusError, match=r"no manifest \(.csv\); make the corpora with edge-ser record"):
        read_recorded(recorded / "5dB")


def run(*arguments):
    return CliRunner().invoke(cli, ["reproduce", "dln", *map(str, arguments)], catch_exceptions=False)


def test_the_command_writes_figures_and_page(recorded, tmp_path):
    config = tmp_path / "quick.toml"
    text = '[model]\nnet = "dln"\nhidden = [8, 8]\n[optimiser]\nepochs = 1\nsteps = 3\nbatch = 8\n'
    config.write_text(f'name = "quick"\n{text}[ladder]\nstatistics = "unlabelled"\n')
    options = ("--noisy", recorded, "--features", "logmel", "--trials", 2, "--config", config, "--root", tmp_path,
               "--output", tmp_path / "docs", "--cache", tmp_path / "cache")  # fmt: skip
    result = run(*options)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "docs" / "results" / "dln-logmel-recorded.json").read_text())
    assert content["trials"] == 2 and content["recorded"] is True and content["mapped"] is True
    assert {role: len(found["speakers"]) for role, found in content["roles"].items()} == {
        "training": 2, "test": 1, "unlabelled": 1, "development": 1
    }  # fmt: skip
    assert "## Features: logmel, recorded" in (tmp_path / "docs" / "dln.md").read_text()
    shutil.rmtree(tmp_path / "docs")
    result = run(*options, "--judge", "development")
    assert "arousal" in result.output and not (tmp_path / "docs").exists()


def test_a_config_of_another_net_is_one_line(tmp_path):
    result = CliRunner().invoke(cli, ["reproduce", "dln", "--config", "linear-egemaps", "--root", str(tmp_path)])
    assert result.exit_code != 0
    assert "its net is 'linear'; give one with net" in str(result.exception)


def test_the_published_settings_are_a_decoupled_ladder():
    config = load_config("dln-study")
    assert config.net == "dln" and config.ladder.statistics == "unlabelled"
