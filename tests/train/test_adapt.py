"""Adaptation without labels: from a made corpus and features of a made place to a bundle that says what it knows."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import soundfile  # noqa: E402
from click.testing import CliRunner, Result  # noqa: E402
from functionals import LogMelStatistics  # noqa: E402

from edge_app.bundle import load_bundle  # noqa: E402
from edge_app.cli import cli  # noqa: E402
from edge_app.collected import read_collected, write_collected  # noqa: E402
from edge_app.core.features import EXTRACTORS  # noqa: E402
from edge_app.errors import CollectionError, ConfigurationError, CorpusError  # noqa: E402
from edge_app.verify import verify_bundle  # noqa: E402
from export.adapted import render_adaptations  # noqa: E402
from export.bundle import ExportSettings, export_bundle  # noqa: E402
from train.adapt import (  # noqa: E402
    AdaptationSettings,
    Judgement,
    adapt,
    check_run,
    harm,
    place_rows,
    utterance_concordance,
)
from train.config import parse_config  # noqa: E402
from train.ladder import LadderModule  # noqa: E402
from train.protocols import split_validation  # noqa: E402
from train.run import load_run  # noqa: E402
from train.runner import Sides, read_training_corpora  # noqa: E402
from train.tabular import open_table, train_table  # noqa: E402


@pytest.fixture(scope="module")
def home(voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A trained ladder, its bundle, and features of a noisy place, collected with that bundle."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(EXTRACTORS, LogMelStatistics.kind, LogMelStatistics)
        config = parse_config(
            {
                "name": "small-ladder",
                "model": {"net": "dln", "hidden": [16, 8]},
                "data": {
                    "corpora": [str(voices)],
                    "unlabelled": [str(voices.parent)],
                    "features": LogMelStatistics.kind,
                    "validation_share": 0.25,
                },
                "waveform": {"copies": 1, "rooms": 2},
                "optimiser": {"epochs": 2, "steps": 30, "batch": 16, "rate": 1e-2},
            },
            "test",
        )
        run = train_table(config, folder / "run", voices.parent, folder / "cache")
        export_bundle(run, folder / "bundle", ExportSettings("small-ladder", quantise=False, research_only=True))
        place = folder / "kitchen.wav"
        spoken = np.concatenate([soundfile.read(path)[0] for path in sorted(voices.parent.glob("a-*-0.wav"))])
        hum = np.random.default_rng(5).normal(0, 0.03, len(spoken))
        soundfile.write(place, spoken + np.convolve(hum, np.ones(8) / 8, "same"), 16000, subtype="FLOAT")
        done = CliRunner().invoke(
            cli,
            ["collect", "--model", str(folder / "bundle"), "--place", "kitchen", "--input", str(place), "--yes",
             "--output", str(folder / "kitchen.npz")],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        yield SimpleNamespace(
            run=folder / "run", bundle=folder / "bundle", file=folder / "kitchen.npz", wav=place,
            cache=folder / "cache", root=voices.parent,
        )  # fmt: skip


def invoke(home: SimpleNamespace, run: Path, file: Path, folder: Path, *more: object, marked: bool = True) -> Result:
    return CliRunner().invoke(
        cli,
        ["adapt", str(run), "--unlabelled", str(file), "--output", str(folder / "run"), "--bundle",
         str(folder / "bundle"), "--cache", str(home.cache), "--root", str(home.root),
         *(["--research-only"] if marked else []), *map(str, more)],
    )  # fmt: skip


def adapted(home: SimpleNamespace, folder: Path, settings: AdaptationSettings, run=None, **options):
    run = run or load_run(home.run)
    utterances = read_training_corpora(run.config, home.root)
    table = open_table(run.config, utterances, home.root, home.cache)
    sides = Sides(*split_validation(utterances, run.config.data.validation_share, run.config.optimiser.seed))
    files = {home.file: read_collected(home.file)}
    return adapt(run, files, table, sides, folder, "there", settings, quiet=True, **options)


def checksums(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_a_run_becomes_a_bundle_that_says_what_it_was_adapted_with(home, tmp_path):
    before = checksums(home.run)
    done = invoke(home, home.run, home.file, tmp_path, "--epochs", 2, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert checksums(home.run) == before
    bundle, origin = load_bundle(tmp_path / "bundle"), read_collected(home.file).origin
    verify_bundle(bundle)
    assert bundle.manifest["parity"]["fp32"]["agreement"] == 1
    assert bundle.name == "small-ladder-adapted"
    (entry,) = bundle.manifest["training"]["adapted"]
    (source,) = entry["with"]
    assert (source["place"], source["began"], source["digest"]) == ("kitchen", origin.began, origin.digest)
    assert source["speech_seconds"] == origin.speech_seconds
    assert source["windows"] == len(read_collected(home.file).values)
    assert (entry["run"], entry["epochs"], entry["seed"]) == ("small-ladder", 2, 3)
    assert bundle.manifest["training"]["epochs"] == 4
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    assert "## Adaptation" in card
    assert f"| kitchen | {origin.began} | {origin.speech_seconds:.0f} s |" in card
    assert "beside them the labelled speech" in done.stderr
    assert f"UAR {entry['before']['uar']:.3f} -> {entry['after']['uar']:.3f}" in done.stdout
    shown = CliRunner().invoke(cli, ["models", "show", str(tmp_path / "bundle")]).stdout
    assert "adapted to" in shown
    assert "kitchen" in shown
    assert "Adaptation" not in (home.bundle / "MODEL_CARD.md").read_text()


def test_what_was_adapted_can_be_adapted_again(home, tmp_path):
    assert invoke(home, home.run, home.file, tmp_path / "one", "--epochs", 1).exit_code == 0
    done = invoke(home, tmp_path / "one" / "run", home.file, tmp_path / "two", "--epochs", 1)
    assert done.exit_code == 0, done.output
    entries = load_bundle(tmp_path / "two" / "bundle").manifest["training"]["adapted"]
    assert [entry["run"] for entry in entries] == ["small-ladder", "small-ladder-adapted"]
    assert entries[1]["before"]["uar"] == entries[0]["after"]["uar"]


def test_it_begins_where_the_run_ended(home, tmp_path):
    """At no rate to speak of, normalised by the labelled speech as in training alone, the net is the same one."""
    run = load_run(home.run)
    ladder = replace(run.config.ladder, statistics="labelled")
    run = replace(run, config=replace(run.config, ladder=ladder))
    run.net.measure(torch.from_numpy(labelled_rows(home, run)))
    found = adapted(home, tmp_path / "run", AdaptationSettings(epochs=1, rate=1e-12), run)
    features = torch.from_numpy(run.validation)
    with torch.no_grad():
        torch.testing.assert_close(found.run.net(features).dimensions, run.net(features).dimensions, atol=1e-5, rtol=0)
    assert found.after.reconstruction == pytest.approx(found.before.reconstruction, rel=1e-5)
    assert found.after.ccc == pytest.approx(found.before.ccc, abs=1e-5)


def labelled_rows(home, run):
    from train.tabular import training_rows

    utterances = read_training_corpora(run.config, home.root)
    table = open_table(run.config, utterances, home.root, home.cache)
    sides = split_validation(utterances, run.config.data.validation_share, run.config.optimiser.seed)
    return training_rows(table, sides[0], run.config)[0].features


def test_it_learns_to_reconstruct_the_place(home, tmp_path):
    found = adapted(home, tmp_path / "run", AdaptationSettings(epochs=4, rate=5e-3))
    assert found.after.reconstruction < 0.97 * found.before.reconstruction
    assert found.before.uar == pytest.approx(load_run(home.run).record["validation"]["uar"])
    assert found.run.record["validation"]["uar"] == found.after.uar
    again = load_run(tmp_path / "run")
    assert again.record["adapted"][0]["after"] == found.after.as_dict()
    features = torch.from_numpy(again.validation)
    torch.testing.assert_close(again.net(features).logits, found.run.net(features).logits)


def test_the_rows_are_those_that_training_would_have_read(home):
    """Collected on a device and computed by the training side, the same audio gives the same standardised rows."""
    from train.augment import WaveformAugmenter
    from train.config import WaveformConfig
    from train.functionals import window_functionals
    from train.runner import store_settings

    run = load_run(home.run)
    settings = replace(store_settings(run.config, home.root), waveform=WaveformConfig(copies=0))
    samples = soundfile.read(home.wav, dtype="float32")[0]
    augmenter = WaveformAugmenter(settings.waveform, (), None)
    values, speech = window_functionals(samples, LogMelStatistics(), augmenter, settings, 0)
    expected = run.baseline.standardise(values[0, speech >= 0.5]).clip(-10, 10)
    found = place_rows(run, {home.file: read_collected(home.file)})
    assert len(expected) > 10
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0), atol=1e-4)


def test_seeds_decide_what_is_drawn(home, tmp_path):
    nets = [
        adapted(home, tmp_path / str(number), AdaptationSettings(epochs=1, seed=seed)).run.net.state_dict()
        for number, seed in enumerate((1, 1, 2))
    ]
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])
    assert not all(torch.equal(nets[0][key], nets[2][key]) for key in nets[0])


def test_a_broken_off_adaptation_resumes_to_where_an_unbroken_one_ends(home, tmp_path, monkeypatch):
    settings = AdaptationSettings(epochs=3)
    whole = adapted(home, tmp_path / "whole", settings)
    step = LadderModule.training_step

    def broken(self, batch, number):
        if self.current_epoch == 2:
            raise KeyboardInterrupt
        return step(self, batch, number)

    with monkeypatch.context() as patched:
        patched.setattr(LadderModule, "training_step", broken)
        done = invoke(home, home.run, home.file, tmp_path / "broken", "--epochs", 3)
        assert done.exit_code == 130
        assert "interrupted; the same command with --resume goes on from the last epoch" in done.stderr
        assert not (tmp_path / "broken" / "bundle").exists()
    assert "holds a run already" in str(invoke(home, home.run, home.file, tmp_path / "broken").exception)
    other = invoke(home, home.run, home.file, tmp_path / "broken", "--epochs", 4, "--resume")
    assert "another adaptation was begun here" in str(other.exception)
    done = invoke(home, home.run, home.file, tmp_path / "broken", "--epochs", 3, "--resume")
    assert done.exit_code == 0, done.output
    resumed = load_run(tmp_path / "broken" / "run").net.state_dict()
    for key, value in whole.run.net.state_dict().items():
        torch.testing.assert_close(resumed[key], value, atol=1e-5, rtol=0)


def test_a_bundle_that_is_there_is_replaced_only_when_forced(home, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    refused = invoke(home, home.run, home.file, tmp_path, "--epochs", 1)
    assert isinstance(refused.exception, ConfigurationError)
    assert "holds a bundle already; --force replaces it, or choose another --bundle" in str(refused.exception)
    assert not (tmp_path / "run").exists()
    done = invoke(home, home.run, home.file, tmp_path, "--epochs", 1, "--force")
    assert done.exit_code == 0, done.output
    assert load_bundle(tmp_path / "bundle").name


def test_features_of_another_digest_are_refused(home, tmp_path):
    found = read_collected(home.file)
    write_collected(tmp_path / "x.npz", replace(found, origin=replace(found.origin, digest="e" * 64)))
    done = invoke(home, home.run, tmp_path / "x.npz", tmp_path)
    assert isinstance(done.exception, CollectionError)
    digest = LogMelStatistics().spec.digest[:12]
    assert f"features of digest eeeeeeeeeeee (88 numbers), the run reads {digest} (88)" in str(done.exception)
    write_collected(tmp_path / "y.npz", replace(found, values=found.values[:, :80]))
    assert "(80 numbers)" in str(invoke(home, home.run, tmp_path / "y.npz", tmp_path).exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("count", "told"), [(0, "0 windows"), (1, "1 window")])
def test_features_of_next_to_nothing_are_refused(home, tmp_path, count, told):
    found = read_collected(home.file)
    few = replace(found, values=found.values[:count], speech=found.speech[:count], snr=found.snr[:count])
    write_collected(tmp_path / "x.npz", few)
    done = invoke(home, home.run, tmp_path / "x.npz", tmp_path)
    assert isinstance(done.exception, CollectionError)
    assert f"{told}, 2 are the least" in str(done.exception)


def test_a_file_that_holds_no_features_is_refused(home, tmp_path):
    (tmp_path / "x.npz").write_bytes(home.wav.read_bytes())
    assert isinstance(invoke(home, home.run, tmp_path / "x.npz", tmp_path).exception, CollectionError)


def test_a_run_that_reconstructs_nothing_is_refused(home, tmp_path):
    run = load_run(home.run)
    dense = replace(run, config=replace(run.config, net="dense"), net=torch.nn.Module())
    dense.net.reconstructs = False
    with pytest.raises(ConfigurationError, match="net 'dense' reconstructs nothing"):
        check_run(dense)


def test_a_run_without_its_checkpoint_is_refused(home, tmp_path):
    lost = shutil.copytree(home.run, tmp_path / "lost")
    (lost / "checkpoints" / "last.ckpt").write_bytes(b"PK")
    assert "a damaged checkpoint" in str(invoke(home, lost, home.file, tmp_path / "a").exception)
    shutil.rmtree(lost / "checkpoints")
    done = invoke(home, lost, home.file, tmp_path / "b")
    assert isinstance(done.exception, ConfigurationError)
    assert "its checkpoint, which holds the decoder, is gone" in str(done.exception)


def test_a_bundle_that_may_not_be_passed_on_is_refused_before_any_training(home, tmp_path):
    done = invoke(home, home.run, home.file, tmp_path, marked=False)
    assert isinstance(done.exception, CorpusError)
    assert "add --research-only to mark it so" in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_a_place_for_the_bundle_that_holds_something_else_is_refused_before_any_training(home, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "letters.txt").write_text("mine")
    done = invoke(home, home.run, home.file, tmp_path)
    assert isinstance(done.exception, ConfigurationError)
    assert str(done.exception).endswith("holds something that is not a model bundle; choose another --bundle")
    assert not (tmp_path / "run").exists()


def test_labelled_speech_that_has_changed_is_refused(home, tmp_path):
    run = load_run(home.run)
    moved = replace(run, baseline=replace(run.baseline, mean=run.baseline.mean + 1))
    with pytest.raises(ConfigurationError, match="is not what it was trained on"):
        adapted(home, tmp_path / "run", AdaptationSettings(), moved)


def judgement(uar: float, ccc: float) -> Judgement:
    return Judgement(uar, uar, 10, {"arousal": ccc, "valence": ccc, "dominance": float("nan")}, 0.5)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (judgement(0.60, 0.50), None),
        (judgement(0.70, 0.60), None),
        (judgement(0.59, 0.49), None),
        (judgement(0.55, 0.60), "on the validation speakers it lost 0.050 UAR"),
        (judgement(0.55, 0.40), "on the validation speakers it lost 0.050 UAR and 0.100 mean CCC"),
    ],
)
def test_what_became_worse_is_told(after, expected):
    assert harm(judgement(0.60, 0.50), after) == expected


def test_an_adaptation_that_harms_is_warned_of_in_the_card_too(home, tmp_path):
    done = invoke(home, home.run, home.file, tmp_path, "--epochs", 10, "--rate", 1)
    assert done.exit_code == 0, done.output
    assert "this adaptation may do harm: on the validation speakers it lost" in done.stderr
    (entry,) = json.loads((tmp_path / "run" / "run.json").read_text())["adapted"]
    assert f"**This may have done harm: {entry['harm']}.**" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text()


def test_the_concordance_is_lins_over_means_of_windows(rng):
    owner = np.repeat([3, 5, 9, 11], 4)
    windows = rng.uniform(-1, 1, (16, 3)).astype(np.float32)
    reference = rng.uniform(-1, 1, (4, 3))
    found = utterance_concordance(windows, owner, [3, 5, 9, 11], reference)
    means = windows.reshape(4, 4, 3).mean(axis=1, dtype=np.float64)
    for column, name in enumerate(("arousal", "valence", "dominance")):
        x, y = reference[:, column], means[:, column]
        expected = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert found[name] == pytest.approx(expected)


def test_a_model_that_was_not_adapted_has_no_such_section():
    assert render_adaptations([]) == ""
