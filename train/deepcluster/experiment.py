"""The experiment of the paper: clusters beside regression, and autoencoders beside regression, on the same trunk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import lightning
import numpy as np
from numpy.typing import NDArray

from edge_app.core.labels import DIMENSIONS
from edge_app.errors import ConfigurationError
from train.config import ExperimentConfig
from train.dataset import affect
from train.deepcluster.baselines import Autoencoding, VariationalAutoencoding
from train.deepcluster.chunks import Chunks
from train.deepcluster.clusters import fit_clusters
from train.deepcluster.measures import agreements, shares
from train.deepcluster.module import ClusterModule
from train.deepcluster.training import Material, fit_best, make_module
from train.dln.protocol import Role
from train.frames import FrameStore
from train.latent import fit_module
from train.metrics import moments
from train.nets.vgg import VggNet
from train.run import build_net
from train.runner import Sides

Kind: TypeAlias = Literal["regressor", "ae", "vae", "cluster", "clusters alone"]

REFERENCE = 10
"""Clusters that the embeddings of a net without any are sorted into, to compare them."""


class Variant(NamedTuple):
    """One row of the table.

    Attributes:
        kind: what is learnt beside arousal, valence and dominance; ``clusters alone`` learns nothing but clusters.
        clusters: K; 0 for none.
        unlabelled: whether the first stage has speech to learn from.
    """

    kind: Kind
    clusters: int = 0
    unlabelled: bool = False


ALONE, SUPERVISED, SEMI = "Clusters alone-10", "DeepEmoCluster-10", "DeepEmoCluster-10, unlabelled"

VARIANTS: dict[str, Variant] = {
    "CNN-regressor": Variant("regressor"),
    "CNN-AE": Variant("ae"),
    "CNN-VAE": Variant("vae"),
    SUPERVISED: Variant("cluster", 10),
    SEMI: Variant("cluster", 10, True),
    "DeepEmoCluster-20, unlabelled": Variant("cluster", 20, True),
    "DeepEmoCluster-30, unlabelled": Variant("cluster", 30, True),
    ALONE: Variant("clusters alone", 10),
}
"""The paper's names, where it has one."""


@dataclass(frozen=True, slots=True)
class Study:
    """What is studied.

    Attributes:
        store: clean frames of all labelled utterances.
        roles: numbers of the utterances in each role; those in ``unlabelled`` are heard in ``unlabelled`` only.
        unlabelled: clean frames of what is heard without labels.
        config: net, schedule, and settings of clusters, whose number is of no consequence.
    """

    store: FrameStore
    roles: Mapping[Role, NDArray[np.int64]]
    unlabelled: FrameStore
    config: ExperimentConfig

    @property
    def speakers(self) -> list[str]:
        """Who is judged, sorted."""
        return sorted({self.store.utterances[number].speaker for number in self.roles["test"]})


def run_variant(study: Study, name: str, seed: int) -> dict[str, Any]:
    """Train and judge one variant.

    Args:
        study: what is studied.
        name: a key of ``VARIANTS``.
        seed: of weights and draws.

    Returns:
        What JSON can hold: ``variant``, ``seed``, ``epochs``, ``moments`` of true and answered dimensions by test
        speaker (speakers, dimensions, 6), and ``clusters``, see :func:`describe_clusters`.

    Raises:
        ConfigurationError: the net is no VGG.
        CorpusError: there are fewer chunks than clusters.
        TrainingError: the loss is not a number.
    """
    variant, config = VARIANTS[name], settings_of(study.config, VARIANTS[name]).with_seed(seed)
    lightning.seed_everything(seed, workers=True, verbose=False)
    net = build_net(config)
    if not isinstance(net, VggNet):
        raise ConfigurationError(f'[model] net = {config.net!r}: the autoencoders are of a VGG; set net = "vgg"')
    companions = {"ae": Autoencoding, "vae": VariationalAutoencoding}
    companion = companions[variant.kind](net) if variant.kind in companions else None
    sides = Sides(study.roles["training"], study.roles["development"])
    material = Material(study.store, sides, study.unlabelled if variant.unlabelled else None)
    module = make_module(net, config, material, companion)
    if variant.kind == "clusters alone":  # no development loss can stop what learns no emotion
        epochs = fit_module(module)
        module.eval()
    else:
        with tempfile.TemporaryDirectory() as folder:
            epochs = fit_best(module, Path(folder) / "checkpoints")
    test = Chunks(study.store, study.roles["test"], config.cluster.longest, config.cluster.margin)
    return {
        "variant": name,
        "seed": seed,
        "epochs": epochs,
        "moments": judge(study, module, test).tolist(),
        "clusters": describe_clusters(module, test, variant.clusters or REFERENCE, seed),
    }


def settings_of(config: ExperimentConfig, variant: Variant) -> ExperimentConfig:
    """The experiment as a variant wants it."""
    loss, cluster = config.loss, replace(config.cluster, count=variant.clusters)
    if variant.kind == "clusters alone":
        loss, cluster = replace(loss, dimensions=0.0, vocabulary=0.0), replace(cluster, classes=0.0)
    data = config.data if variant.unlabelled else replace(config.data, unlabelled=())
    return replace(config, data=data, loss=loss, cluster=cluster)


def judge(study: Study, module: ClusterModule, test: Chunks) -> NDArray[np.float64]:
    """What CCC needs of true and answered dimensions, by speaker, shape (speakers, dimensions, 6)."""
    answers = module.answers(test).dimensions.numpy().astype(np.float64)
    utterances = [study.store.utterances[number] for number in test.numbers]
    reference = np.array([affect(utterance) for utterance in utterances], dtype=np.float64)
    speaker = np.array([utterance.speaker for utterance in utterances])
    return np.stack([moments(reference[speaker == each], answers[speaker == each]).T for each in study.speakers])


def describe_clusters(module: ClusterModule, test: Chunks, count: int, seed: int) -> dict[str, Any]:
    """What the clusters of the embedding are about, on the chunks of people who did not train.

    K-means is fitted to the chunks that trained, as in an epoch of training, and sorts those of the test speakers.

    Returns:
        ``present``, clusters that were not empty in training; ``agreement`` with emotion, speaker and corpus; and of
        each cluster ``arousal``, the mean over its chunks (None where it has none), and how many chunks it has of each
        of the ``names`` of ``emotion`` and ``speaker``.
    """
    baseline = module.batches.baseline
    training = np.concatenate([module.embed(part) for part in module.batches.labelled.clean(baseline)])
    clusters = fit_clusters(training, count, module.config.cluster.components, seed)
    found = clusters.assign(np.concatenate([module.embed(part) for part in test.clean(baseline)]))
    utterances = [test.store.utterances[number] for number in test.numbers for _ in range(test.count)]
    truths = {
        "emotion": [str(utterance.label) for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "corpus": [utterance.corpus for utterance in utterances],
    }
    arousal = np.array([affect(utterance)[DIMENSIONS.index("arousal")] for utterance in utterances])
    counted = {kind: shares(found, truths[kind], count) for kind in ("emotion", "speaker")}
    return {
        "present": clusters.present,
        "agreement": agreements(found, truths),
        "names": {kind: sorted(set(truths[kind])) for kind in counted},
        "counts": {kind: each.astype(int).tolist() for kind, each in counted.items()},
        "arousal": [round(float(arousal[found == k].mean()), 4) if (found == k).any() else None for k in range(count)],
    }
