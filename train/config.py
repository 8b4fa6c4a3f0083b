"""A published experiment as one TOML file, read into frozen settings.

Every section is a dataclass below; a key that no field has, a missing file or a wrong type is a
:class:`~edge_app.errors.ConfigurationError` that names the section.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from edge_app.core.features import EXTRACTORS
from edge_app.core.labels import DIMENSIONS, FOUR_CLASSES, LABELS
from edge_app.core.wearer import DEFAULTS
from edge_app.errors import ConfigurationError
from train.augment_config import SpectrumConfig, VersionsConfig, WaveformConfig
from train.cpc.config import CpcConfig
from train.deepcluster.config import ClusterConfig
from train.kinds import of_kind, written

CONFIGS = Path(__file__).parent / "configs"
NAME = re.compile(r"\w[\w.-]*")
"""Of an experiment: its run and its bundle are folders of that name."""

SEEDS = 2**32
"""Seeds lie below it, as NumPy wants them."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is trained on.

    Attributes:
        corpora: each one of ``CORPORA``, or a manifest.
        features: one of ``EXTRACTORS``.
        unlabelled: corpora, manifests or folders that a ``ladder`` or ``dln`` reconstructs besides, whose chunks are
            clustered, too, or that pre-training hears; labels that they have are not read. A folder may state its
            licence, such as ``CC-BY-4.0``, in the first line of a file ``LICENCE``; else a model of it is for research
            only.
        labels: the classes of the head.
        validation_share: share of each corpus's speakers kept for early stopping and calibration.
    """

    corpora: tuple[str, ...] = ("emodb", "ravdess", "nemo")
    features: str = "logmel"
    unlabelled: tuple[str, ...] = ()
    labels: tuple[str, ...] = FOUR_CLASSES
    validation_share: float = 0.2

    def __post_init__(self) -> None:
        if twice := [name for name, count in Counter(self.corpora).items() if count > 1]:
            raise ConfigurationError(f"[data] corpora: {', '.join(twice)} twice; name each once")
        unknown = [label for label in self.labels if label not in LABELS]
        if unknown:
            raise ConfigurationError(f"[data] labels: {unknown} not in the vocabulary {LABELS}")
        if self.features not in EXTRACTORS:
            raise ConfigurationError(f"[data] features = {self.features!r}: choose from {', '.join(EXTRACTORS)}")
        if len(set(self.labels)) < max(2, len(self.labels)):
            raise ConfigurationError("[data] labels: a classifier needs two or more, each named once")
        if not 0 < self.validation_share < 1:
            raise ConfigurationError("[data] validation_share must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """How the wearer's baseline is simulated while training, and what the model uses where nobody says otherwise.

    Attributes:
        default: ``none`` or ``adaptive``.
        share: share of windows whose speaker was heard before; 0 turns simulation off.
        enrolled: share of those whose speaker was enrolled; the others were heard as they came, in any mood.
        shortest: least seconds of speech heard; what is drawn is uniform in their logarithm.
        longest: most seconds.
    """

    default: str = "none"
    share: float = 0.0
    enrolled: float = 0.5
    shortest: float = 2.0
    longest: float = 180.0

    def __post_init__(self) -> None:
        if self.default not in DEFAULTS:
            raise ConfigurationError(f"[baseline] default = {self.default!r}: choose from {', '.join(DEFAULTS)}")
        if not (0 <= self.share <= 1 and 0 <= self.enrolled <= 1):
            raise ConfigurationError("[baseline] share and enrolled must lie between 0 and 1")
        if not 0 < self.shortest <= self.longest:
            raise ConfigurationError("[baseline] shortest must be above 0 and at most longest")


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the losses: cross-entropy of the classes is 1.

    Attributes:
        dimensions: weight of the mean 1 - CCC over arousal, valence and dominance.
        vocabulary: weight of an auxiliary cross-entropy over the whole vocabulary, which lets utterances of classes
            that the head lacks teach the trunk; the auxiliary head is not exported.
        other_share: share of such utterances in a batch.
        label_smoothing: as in Szegedy et al. 2016.
    """

    dimensions: float = 0.5
    vocabulary: float = 0.5
    other_share: float = 0.35
    label_smoothing: float = 0.1


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """Losses of a ``dae`` or ``vae``, beside that of reconstruction.

    Attributes:
        noise: deviation of the noise on a DAE's input, in deviations of a feature.
        annealing: let the weight of a VAE's divergence rise in cycles to 0.25; else it is 1.
        cycles: M, how often it rises.
        rise: R, share of a cycle in which it rises.
        cluster: weight of the cluster loss over the classes.
        metric: dimension that the continuous metric loss orders the latent space by; "" for none.
        metric_weight: weight of that loss.
    """

    noise: float = 0.3
    annealing: bool = False
    cycles: int = 4
    rise: float = 0.5
    cluster: float = 0.0
    metric: str = ""
    metric_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.metric not in ("", *DIMENSIONS):
            raise ConfigurationError(f"[autoencoder] metric = {self.metric!r}: choose from {', '.join(DIMENSIONS)}")
        if self.cycles < 1 or not 0 < self.rise <= 1:
            raise ConfigurationError("[autoencoder] cycles must be at least 1, and rise above 0 and at most 1")
        if min(self.noise, self.cluster, self.metric_weight) < 0:
            raise ConfigurationError("[autoencoder] noise, cluster and metric_weight must not be negative")


Statistics: TypeAlias = Literal["labelled", "unlabelled", "both"]


@dataclass(frozen=True, slots=True)
class LadderConfig:
    """How a ``dense``, ``ladder`` or ``dln`` is trained.

    Attributes:
        noise: deviation of the noise on every layer of the noisy pass, in deviations of its units.
        weights: of the reconstruction of the functionals and then of each hidden layer: the paper's lambdas. A
            ``dense`` has none.
        statistics: rows whose moments batch normalisation uses in evaluation: the ``unlabelled`` ones are of the place
            that the model is meant for; where there are none, and in a ``dense``, the labelled ones count.
    """

    noise: float = 0.3
    weights: tuple[float, ...] = (1.0, 1.0, 1.0)
    statistics: str = "both"

    def __post_init__(self) -> None:
        if self.statistics not in get_args(Statistics):
            choices = ", ".join(get_args(Statistics))
            raise ConfigurationError(f"[ladder] statistics = {self.statistics!r}: choose from {choices}")
        if min(self.noise, *self.weights, 0) < 0:
            raise ConfigurationError("[ladder] noise and weights must not be negative")


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """The classifier that scikit-learn fits: all of ``linear``, or what reads the embedding of a net of functionals.

    Attributes:
        strength: C, the inverse of regularisation.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        if not self.strength > 0:
            raise ConfigurationError("[head] strength must be above 0")


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """How it is trained.

    Attributes:
        epochs: at most.
        steps: batches in an epoch (batches are drawn, balanced, without end).
        batch: windows in a batch.
        rate: peak learning rate of the one-cycle schedule; of an encoder of functionals the rate throughout.
        weight_decay: of AdamW; an encoder of functionals has none.
        average: decay of the exponential moving average of the weights; an encoder of functionals has none.
        patience: epochs without a better validation UAR before it stops; an encoder of functionals never does.
        seed: of everything that is drawn.
    """

    epochs: int = 30
    steps: int = 60
    batch: int = 96
    rate: float = 3e-3
    weight_decay: float = 0.05
    average: float = 0.99
    patience: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("epochs", "steps", "batch", "patience"):
            if getattr(self, key) < 1:
                raise ConfigurationError(f"[optimiser] {key} = {getattr(self, key)}: must be at least 1")
        if not (self.rate > 0 and math.isfinite(self.rate)):
            raise ConfigurationError(f"[optimiser] rate = {self.rate:g}: must be above 0")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ConfigurationError(f"[optimiser] weight_decay = {self.weight_decay:g}: must not be negative")
        if not 0 <= self.average < 1:
            raise ConfigurationError(f"[optimiser] average = {self.average:g}: must be at least 0 and below 1")
        if not 0 <= self.seed < SEEDS:
            raise ConfigurationError(f"[optimiser] seed = {self.seed}: must lie between 0 and {SEEDS - 1}")


@dataclass(frozen=True, slots=True)
class ExperimentConfig:
    """One experiment.

    Attributes:
        name: what the run and the bundle are called.
        net: key of ``NETS``.
        net_parameters: the net's arguments.
        data: what is trained on.
        waveform: augmentation before features.
        spectrum: augmentation of features.
        versions: what clean and augmented versions count for.
        baseline: simulation of the wearer's baseline.
        loss: weights.
        autoencoder: losses of a ``dae`` or ``vae``.
        ladder: noise and losses of a ``dense``, ``ladder`` or ``dln``.
        cluster: pseudo-labels for a net of frames.
        cpc: pre-training and recogniser of a ``cpc-attention``.
        head: the classifier of a net of functionals.
        optimiser: schedule.
    """

    name: str
    net: str
    net_parameters: dict[str, Any] = field(default_factory=dict)
    data: DataConfig = field(default_factory=DataConfig)
    waveform: WaveformConfig = field(default_factory=WaveformConfig)
    spectrum: SpectrumConfig = field(default_factory=SpectrumConfig)
    versions: VersionsConfig = field(default_factory=VersionsConfig)
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    ladder: LadderConfig = field(default_factory=LadderConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    cpc: CpcConfig = field(default_factory=CpcConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)

    def with_seed(self, seed: int) -> ExperimentConfig:
        """The same experiment with another seed."""
        return dataclasses.replace(self, optimiser=dataclasses.replace(self.optimiser, seed=seed))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as :func:`parse_config` takes them."""
        plain = dataclasses.asdict(self)
        net = {"net": plain.pop("net"), **plain.pop("net_parameters")}
        return {"name": plain.pop("name"), "model": net, **plain}


SECTIONS = {
    "data": DataConfig,
    "waveform": WaveformConfig,
    "spectrum": SpectrumConfig,
    "versions": VersionsConfig,
    "baseline": BaselineConfig,
    "loss": LossConfig,
    "autoencoder": AutoencoderConfig,
    "ladder": LadderConfig,
    "cluster": ClusterConfig,
    "cpc": CpcConfig,
    "head": HeadConfig,
    "optimiser": OptimiserConfig,
}


def find_config(name: str | Path) -> Path:
    """The path of a configuration: a file, or the name of one in ``train/configs``.

    Raises:
        ConfigurationError: there is none.
    """
    for candidate in (Path(name), CONFIGS / f"{name}.toml"):
        if candidate.is_file():
            return candidate
    known = ", ".join(sorted(path.stem for path in CONFIGS.glob("*.toml")))
    raise ConfigurationError(f"no configuration {str(name)!r}: give a TOML file or one of {known}")


def load_config(name: str | Path) -> ExperimentConfig:
    """Read a configuration by path or name.

    Raises:
        ConfigurationError: missing, not TOML, or with keys or values that do not fit.
    """
    path = find_config(name)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML ({error})") from None
    return parse_config(values, origin=str(path))


def parse_config(values: dict[str, Any], origin: str) -> ExperimentConfig:
    """Build settings from plain values.

    Args:
        values: as read from TOML.
        origin: what errors call the source.

    Raises:
        ConfigurationError: a key or value does not fit.
    """
    known = ", ".join(["name", *(f"[{name}]" for name in ("model", *SECTIONS))])
    for key, value in values.items():
        if key not in ("name", "model", *SECTIONS):
            what = f"section [{key}]" if isinstance(value, dict) else f"key {key!r} outside a section"
            raise ConfigurationError(f"{origin} has no {what}; it has {known}")
        if key != "name" and not isinstance(value, dict):
            raise ConfigurationError(
                f"{origin}: {key} = {written(value)}: must be a section, [{key}] with keys below it"
            )
    model = dict(values.get("model", {}))
    if "name" not in values or "net" not in model:
        raise ConfigurationError(f'{origin}: needs name = "..." and [model] net = "..."')
    name = of_kind(f"{origin}: name", values["name"], "")
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"{origin}: name = {written(name)}: give letters, digits, '.', '_' or '-' only")
    net = of_kind(f"{origin}: [model] net", model.pop("net"), "")
    sections = {name: _section(kind, values.get(name, {}), f"{origin}: [{name}]") for name, kind in SECTIONS.items()}
    return ExperimentConfig(name, net, model, **sections)


def _section(kind: type, values: dict[str, Any], origin: str) -> Any:
    fields = {entry.name: entry for entry in dataclasses.fields(kind)}
    converted = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigurationError(f"{origin} has no key {key!r}; it has {', '.join(fields)}")
        converted[key] = of_kind(f"{origin} {key}", value, fields[key].default)
    return kind(**converted)
