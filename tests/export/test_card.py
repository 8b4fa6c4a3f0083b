"""The card says, from the manifest alone, all that a reader must know."""

from __future__ import annotations

import json

import pytest

from edge_app.bundle import find_bundle
from edge_app.errors import ConfigurationError
from export.bundle import ExportSettings, export_bundle
from export.card import render_card
from export.figures import render_figures
from export.metrics import read_metrics

EVALUATED = {
    "model": "small", "version": "3", "variant": "int8", "corpus": "urdu", "level": "utterance", "n": 400,
    "utterances": 400, "uar": 0.61, "wa": 0.6, "recall": {"neutral": None, "happiness": 0.24, "anger": 0.7},
    "ccc": {"arousal": 0.5, "valence": None},
    "ece": 0.05, "interval": {"uar": [0.55, 0.67], "wa": None, "ccc": None}, "reference": "mapped",
    "trained_on_corpus": False, "noise": None,
}  # fmt: skip


def write(folder, name, **changes):
    path = folder / name
    path.write_text(json.dumps({**EVALUATED, **changes}))
    return path


@pytest.fixture(scope="module")
def card(small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    metrics = (write(folder, "urdu.json"), write(folder, "noisy.json", noise={"folder": "noise", "snr_db": 5.0}))
    export_bundle(small_run, folder / "small", ExportSettings(name="small", version="3", metrics=metrics))
    return (folder / "small" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        "# small 3",
        "Features are measured from the training speech's mean, or, with `--baseline`, from the wearer's own.",
        "Not for diagnosis",
        "neutral, happiness, sadness, anger",
        "*mapped*",
        "Russell and Mehrabian",
        "| emodb | German | 1,000 | 10 | CC0-1.0 |",
        "| nemo | Polish | 1,000 | 10 | CC BY-NC-SA 4.0 |",
        "Weights: CC BY-NC-SA 4.0.",
        "x/1, x/2",
        "Seed 0",
        "edge-ser train small --root speech --output runs/small",
        "| urdu/utterance | int8 | 400 | 0.610 [0.550, 0.670] | 0.600 | happiness 0.24, anger 0.70 | arousal 0.50 |",
        "urdu/utterance/noise 5 dB",
        "by guessing**, on speech of corpora that it never met:\n\n- urdu/utterance: happiness 0.24\n",
        "int8 against fp32",
        "model.int8.onnx",
        "actors (emodb, nemo)",
        "Below a confidence of 0.4",
    ],
)
def test_the_card_says(card, words):
    assert words in card


def test_nothing_is_left_of_the_template(card):
    assert "{" not in card and "}" not in card
    assert "None" not in card


def test_figures_are_keyed_by_condition(tmp_path):
    paths = [
        write(tmp_path, "a.json"),
        write(tmp_path, "b.json", level="window"),
        write(tmp_path, "c.json", variant="fp32"),
        write(tmp_path, "d.json", split="test"),
        write(tmp_path, "e.json", baseline={"setting": "enrolled:30"}),
        write(tmp_path, "f.json", baseline={"setting": "none"}, noise={"snr_db": 5.0}),
    ]
    found = read_metrics(paths, "small", "3")
    assert list(found) == [
        "urdu/utterance", "urdu/window", "urdu/utterance/fp32", "urdu/utterance/split test",
        "urdu/utterance/baseline enrolled:30", "urdu/utterance/noise 5 dB",
    ]  # fmt: skip
    assert found["urdu/utterance"]["uar"] == 0.61


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"model": "other"}, "figures of other 3, but small 3 is exported"),
        ({"version": "2"}, "figures of small 2"),
    ],
)
def test_figures_of_another_model_are_refused(tmp_path, content, words):
    with pytest.raises(ConfigurationError, match=words):
        read_metrics([write(tmp_path, "a.json", **content)], "small", "3")


def test_the_same_condition_twice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="urdu/utterance was given already"):
        read_metrics([write(tmp_path, "a.json"), write(tmp_path, "b.json")], "small", "3")


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"model": "small"}'])
def test_a_file_that_holds_no_figures_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="give a file of edge-ser evaluate --json"):
        read_metrics([path, tmp_path / "missing.json"], "small", "3")


def test_the_card_says_how_fast_features_become_the_wearers():
    found = json.loads(find_bundle("linear-egemaps").joinpath("bundle.json").read_text())
    words = " ".join(render_card(found).split())
    assert "after n seconds of speech theirs weighs n / (n + 120), at most 0.3" in words
    assert "enrolled in n seconds, n / (n + 2) from the start" in words
    assert (
        "names no baseline it was `--baseline none`; unless told otherwise this model runs with `--baseline adaptive`"
        in words
    )


def test_classes_that_are_found_often_enough_or_in_training_are_not_called_seldom():
    manifest = {
        "labels": ["neutral", "anger"],
        "metrics": {"x": {**EVALUATED, "recall": {"neutral": 0.5, "anger": 0.9}}},
    }
    assert "guessing" not in render_figures(manifest)
    seen = {**EVALUATED, "recall": {"neutral": 0.1, "anger": 0.9}, "trained_on_corpus": True}
    assert "guessing" not in render_figures({**manifest, "metrics": {"x": seen}})
    validation = {"n": 4, "uar": 0.5, "wa": 0.5}
    assert "| validation/utterance | net | 4 | 0.500 | 0.500 | - | - |  |" in render_figures(
        {**manifest, "metrics": {"validation/utterance": validation}}
    )
