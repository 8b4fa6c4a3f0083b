import pytest

from edge_app.errors import ConfigurationError
from train.config import CONFIGS, load_config, parse_config
from train.nets import NETS, make_net
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
        ({"name": "x", "model": {"net": "chunk-cnn"}, "extra": {}}, "extra"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "optimiser": {"epochz": 1}}, "epochz"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "optimiser": {"epochs": "many"}}, "expected int"),
        ({"name": "x", "model": {"net": "chunk-cnn"}, "data": {"labels": ["joy"]}}, "vocabulary"),
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
