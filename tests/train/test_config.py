import re

import pytest

from edge_app.errors import ConfigurationError
from train.config import CONFIGS, load_config, parse_config
from train.nets import NETS, make_net
from train.nets.parameters import RANGES, arguments
from train.run import build_net


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_published_configuration_loads_and_names_a_net(path):
    config = load_config(path)
    assert config.name == path.stem
    assert config.net in NETS
    build_net(config)


def test_resolved_values_read_back_the_same():
    config = load_config("chunk-cnn")
    assert parse_config(config.as_dict(), "again") == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": {"net": "chunk-cnn"}}, "name"),
        (
            {"name": "x", "model": {"net": "chunk-cnn"}, "extra": {}},
            r"has no section \[extra\]; it has name, \[model\], \[d",
        ),
        (
            {"name": "x", "model": {"net": "chunk-cnn"}, "epochs": 3},
            r"no key 'epochs' outside a section; .*\[optimiser\]",
        ),
        (
            {"name": "x", "model": {"net": "chunk-cnn"}, "head": 1.0},
            r"head = 1.0: must be a section, \[head\] with keys",
        ),
        ({"name": 7, "model": {"net": "chunk-cnn"}}, "name = 7: must be text in quotes"),
        ({"name": "x", "model": {"net": ["vgg"]}}, r'\[model\] net = \["vgg"\]: must be text in quotes'),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "optimiser": {"epochz": 1}}, "epochz"),
        (
            {"name": "x", "model": {"net": "chunk-cnn"}, "optimiser": {"epochs": "many"}},
            r'\[optimiser\] epochs = "many": must be a whole number',
        ),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "data": {"labels": ["joy"]}}, "vocabulary"),
        (
            {"name": "x", "model": {"net": "chunk-cnn"}, "data": {"corpora": "emodb"}},
            "must be a list of texts in quotes",
        ),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "ladder": {"weights": ["a"]}}, "must be a list of numbers"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "cpc": {"frozen": 1}}, "frozen = 1: must be true or false"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "data": {"features": "mfcc"}}, "choose from .*logmel"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "data": {"validation_share": 1.5}}, "between 0 and 1"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "versions": {"clean": 1.0}}, "clean must be at least 0"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "versions": {"judged": 0}}, "judged must be at least 1"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "versions": {"shift": 1.5}}, "shift must lie between 0 and 1"),
    ],
)
def test_a_wrong_value_is_named(values, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_config(values, "test.toml")


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ConfigurationError, match="no configuration"):
        load_config("nothing-of-the-kind")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_config(broken)


def test_an_unknown_net_or_argument_is_named():
    with pytest.raises(ConfigurationError, match="no net 'x'"):
        make_net("x", (61, 128), 4)
    with pytest.raises(ConfigurationError, match="chunk-cnn"):
        make_net("chunk-cnn", (61, 128), 4, depth=9)


@pytest.mark.parametrize(
    ("net", "key", "value", "message"),
    [
        ("chunk-cnn", "width", "wide", 'width = "wide": must be a whole number'),
        ("chunk-cnn", "width", 0, "width = 0: must lie between 1 and 4096"),
        ("chunk-cnn", "width", 2**64, f"width = {2**64}: must be a whole number of 64 bits"),
        ("chunk-cnn", "width", 8.5, "width = 8.5: must be a whole number"),
        ("chunk-cnn", "dropout", True, "dropout = true: must be a number"),
        ("chunk-cnn", "dropout", float("nan"), "dropout = NaN: must lie between 0 and 1"),
        ("chunk-cnn", "dropout", 1.5, "dropout = 1.5: must lie between 0 and 1"),
        ("vgg", "stages", [[8, 2], 5], "stages = [[8, 2], 5]: must be a list of lists of whole numbers"),
        ("vgg", "hidden", [0], "hidden = [0]: give the units of one layer or more"),
        ("cpc-attention", "heads", 0, "heads = 0: must lie between 1 and 4096"),
    ],
)
def test_a_wrong_value_of_a_net_is_told_in_the_words_of_toml(net, key, value, message):
    config = parse_config({"name": "x", "model": {"net": net, key: value}}, "test.toml")
    with pytest.raises(ConfigurationError, match=f"^{re.escape(f'[model] {message}')}"):
        build_net(config)


@pytest.mark.parametrize("key", ["depth", "shape", "classes"])
def test_a_key_that_a_net_has_not_is_named_beside_those_that_it_has(key):
    config = parse_config({"name": "x", "model": {"net": "chunk-cnn", key: 3}}, "test.toml")
    with pytest.raises(
        ConfigurationError, match=rf"^\[model\] of net 'chunk-cnn' has no key '{key}'; it has width, drop"
    ):
        build_net(config)


@pytest.mark.parametrize("net", NETS)
def test_every_number_that_a_net_takes_is_in_range_by_default(net):
    numbers = {key: value for key, value in arguments(NETS[net]).items() if not isinstance(value, tuple)}
    assert all(RANGES[key].least <= numbers[key] <= RANGES[key].most for key in numbers.keys() - {"shrink", "split"})


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden"])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(ConfigurationError, match="give letters, digits"):
        parse_config({"name": name, "model": {"net": "chunk-cnn"}}, "test")


def test_a_corpus_that_is_named_twice_is_refused():
    values = {"name": "x", "model": {"net": "chunk-cnn"}, "data": {"corpora": ["emodb", "nemo", "emodb"]}}
    with pytest.raises(ConfigurationError, match="corpora: emodb twice"):
        parse_config(values, "test")
