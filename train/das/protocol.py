"""The experiment of the papers: encoders trained on some corpora, judged on others, in five folds.

In each fold an encoder is trained on four fifths of the speakers of the training corpora, with the labels of these; a
linear support vector machine reads its latent. It is judged on the last fifth and on every transfer corpus. ``access``
says what the training sees of the transfer corpora: ``none``; ``unlabelled``, a fifth of each without labels, the rest
being judged; or ``labelled``, the same fifth with its labels, which then also train the machine.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from edge_app.core.types import Floats
from edge_app.counted import counted
from edge_app.errors import CorpusError
from train.config import ExperimentConfig, parse_config
from train.corpora import Utterance
from train.das.measures import PrincipalAxis, adjusted_r2, balanced_accuracy, distance_r2, overlap
from train.heads import fit_svc
from train.latent import RowBatches, fit_encoder
from train.nets import make_net
from train.nets.autoencoders import LatentNet
from train.rows import Rows, inside, make_rows, robust_baseline

FOLDS = 5
HELD_OUT = "held out"

Access: TypeAlias = Literal["none", "unlabelled", "labelled"]
Normalisation: TypeAlias = Literal["corpus", "training"]
ACCESSES: tuple[Access, ...] = get_args(Access)

TASKS = {"N-S-A": ("neutral", "sadness", "anger"), "N-S-H-A": ("neutral", "sadness", "happiness", "anger")}
LABELS = TASKS["N-S-H-A"]
STRENGTH = 1.0

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "DAE-Unsupervised": ("dae", {}),
    "DAE-Metric-act": ("dae", {"metric": "arousal"}),
    "DAE-Metric-val": ("dae", {"metric": "valence"}),
    "VAE": ("vae", {}),
    "VAE-Annealed": ("vae", {"annealing": True}),
    "VAE-Metric-cluster": ("vae", {"annealing": True, "cluster": 1.0}),
    "VAE-Metric-act": ("vae", {"annealing": True, "metric": "arousal"}),
    "VAE-Metric-val": ("vae", {"annealing": True, "metric": "valence"}),
}
"""The papers' names, the net, and its losses."""

SVC_SUPERVISED = "SVC (supervised)"
SVC_TRANSFER = "SVC (transfer)"

Record: TypeAlias = tuple[str, Access, str, str, float]
"""Variant, access, corpus, measure, value."""


@dataclass(frozen=True, slots=True)
class Study:
    """What is studied.

    Attributes:
        features: of all utterances, not standardised, shape (n, functionals).
        utterances: all with a label, those of the training corpora first.
        training: names of the training corpora.
        transfer: names of the transfer corpora.
        normalisation: standardise by the statistics of each ``corpus`` by itself, or of the ``training`` rows.
        seed: of everything that is drawn.
        epochs: of each encoder.
    """

    features: Floats
    utterances: Sequence[Utterance]
    training: tuple[str, ...]
    transfer: tuple[str, ...]
    normalisation: Normalisation
    seed: int = 0
    epochs: int = 50

    def __post_init__(self) -> None:
        shared = set(self.training) & set(self.transfer)
        if shared:
            raise CorpusError(f"{sorted(shared)[0]} both trains and is transferred to; leave one of the two out")
        for name in self.training:
            if not {u.label for u in self.utterances if u.corpus == name} & set(LABELS):
                raise CorpusError(f"{name}: no utterance is labelled {', '.join(LABELS)}; it cannot train")
        present = {u.label for u in self.utterances if u.corpus in self.training}
        if missing := set(LABELS) - present:
            raise CorpusError(f"no utterance of {', '.join(self.training)} is labelled {', '.join(sorted(missing))}")

    @property
    def corpus(self) -> NDArray[np.str_]:
        """The corpus of each utterance, shape (n,)."""
        return np.array([utterance.corpus for utterance in self.utterances])


@dataclass(frozen=True, slots=True)
class Split:
    """One fold.

    Attributes:
        train: numbers of the utterances of the training corpora that train.
        held_out: those that do not.
        shown: a fifth of the utterances of each transfer corpus.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    shown: NDArray[np.int64]


def splits(study: Study) -> list[Split]:
    """The folds: training corpora by speakers, transfer corpora by chance with labels evenly spread.

    Raises:
        CorpusError: there are fewer speakers than folds.
    """
    own = np.flatnonzero(np.isin(study.corpus, study.training))
    speakers = [study.utterances[int(number)].speaker for number in own]
    if len(set(speakers)) < FOLDS:
        there = counted(len(set(speakers)), "speaker")
        raise CorpusError(f"{', '.join(study.training)}: {there}, too few for {FOLDS} folds")
    cut = list(GroupKFold(FOLDS).split(own, groups=speakers))
    parts = [deal(study, name) for name in study.transfer]
    empty = np.zeros(0, dtype=np.int64)
    return [
        Split(own[train], own[test], np.concatenate([empty, *(part[fold] for part in parts)]))
        for fold, (train, test) in enumerate(cut)
    ]


def deal(study: Study, name: str) -> list[NDArray[np.int64]]:
    """The utterances of a transfer corpus in as many parts as there are folds, by chance, labels evenly spread."""
    numbers = np.random.default_rng(study.seed).permutation(np.flatnonzero(study.corpus == name))
    labels = np.array([str(study.utterances[int(number)].label) for number in numbers])
    dealt = numbers[np.argsort(labels, kind="stable")]
    return [np.sort(dealt[fold::FOLDS]) for fold in range(FOLDS)]


def standardised_rows(study: Study, split: Split) -> Rows:
    """All utterances as rows, standardised; outliers stay, and are clipped by the nets."""
    features = np.empty_like(study.features)
    if study.normalisation == "training":
        features[:] = robust_baseline(study.features[split.train], "").standardise(study.features)
    else:
        for name in (*study.training, *study.transfer):
            mine = study.corpus == name
            features[mine] = robust_baseline(study.features[mine], "").standardise(study.features[mine])
    return make_rows(features, np.arange(len(features)), study.utterances, LABELS)


def experiment(variant: str, study: Study, fold: int) -> ExperimentConfig:
    """The papers' settings: 50 epochs, batches of 64, Adam at 1e-3."""
    net, losses = VARIANTS[variant]
    values = {
        "name": variant,
        "model": {"net": net},
        "autoencoder": losses,
        "optimiser": {"epochs": study.epochs, "batch": 64, "rate": 1e-3, "seed": study.seed + fold},
    }
    return parse_config(values, variant)


def train_encoder(variant: str, study: Study, fold: int, rows: Rows) -> LatentNet:
    """An encoder of a variant, trained on rows without their outliers."""
    config = experiment(variant, study, fold)
    torch.manual_seed(config.optimiser.seed)
    net = make_net(config.net, (rows.features.shape[1],), len(LABELS))
    assert isinstance(net, LatentNet)
    fit_encoder(net, RowBatches(rows.select(inside(rows.features)), config, balanced=False), config)
    return net


def latents(net: LatentNet, features: Floats) -> Floats:
    """Latents of standardised functionals, shape (n, latent)."""
    with torch.no_grad():
        found: Floats = net.encode(torch.from_numpy(features)).numpy()
    return found


def without_labels(rows: Rows) -> Rows:
    """The same rows, of which nothing is known."""
    unknown = np.full_like(rows.affect, np.nan)
    return dataclasses.replace(rows, label=np.full_like(rows.label, -1), affect=unknown)


def _together(*parts: Rows) -> Rows:
    fields = [field.name for field in dataclasses.fields(Rows)]
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def study_variant(study: Study, variant: str, fold: int) -> list[Record]:
    """All figures of a variant in a fold."""
    split = splits(study)[fold]
    rows = standardised_rows(study, split)
    source, shown = rows.select(split.train), rows.select(split.shown)
    records: list[Record] = []
    learns_labels = bool(VARIANTS[variant][1].keys() & {"metric", "cluster"})
    for access in ACCESSES if study.transfer else ACCESSES[:1]:
        if access == "none":
            seen = source
        else:
            seen = _together(source, shown if access == "labelled" else without_labels(shown))
        if access != "labelled" or learns_labels:  # else the encoder would be the last one again
            net = train_encoder(variant, study, fold, seen)
        taught = source if access != "labelled" else seen
        records += [(variant, access, *found) for found in _judge(study, net, rows, split, taught, access)]
    return records


def _judge(
    study: Study, net: LatentNet, rows: Rows, split: Split, taught: Rows, access: Access
) -> Iterator[tuple[str, str, float]]:
    """Corpus, measure and value of an encoder; ``taught`` are the rows whose labels the machine learns from."""
    rng = np.random.default_rng(study.seed)
    latent, learnt = latents(net, rows.features), latents(net, taught.features)
    arousal, valence = rows.affect_of("arousal"), rows.affect_of("valence")
    axes = {
        "act": (PrincipalAxis(learnt, taught.affect_of("arousal")), arousal),
        "val": (PrincipalAxis(learnt, taught.affect_of("valence")), valence),
    }
    judged = {HELD_OUT: split.held_out}
    for name in study.transfer:
        numbers = np.flatnonzero(study.corpus == name)
        judged[name] = numbers if access == "none" else np.setdiff1d(numbers, split.shown)
    for name, numbers in judged.items():
        own = latent[numbers]
        yield name, "R2-act", adjusted_r2(own, arousal[numbers])
        yield name, "R2-val", adjusted_r2(own, valence[numbers])
        yield name, "distance-R2-act", distance_r2(own, arousal[numbers], rng)
        yield name, "distance-R2-val", distance_r2(own, valence[numbers], rng)
        for short, (axis, target) in axes.items():
            yield name, f"rho-{short}", axis.rank_correlation(own, target[numbers])
        yield name, "overlap", overlap(learnt, own)
        for task, found in accuracies(learnt, taught.label, own, rows.label[numbers]).items():
            yield name, task, found


def accuracies(learnt: Floats, label: NDArray[np.int64], judged: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """Balanced accuracy of a linear machine by task; classes that a side lacks are left out, NaN where one is left."""
    figures = {}
    for task, names in TASKS.items():
        wanted = [LABELS.index(name) for name in names]
        classes = np.intersect1d(np.intersect1d(wanted, truth), label)
        known, asked = np.isin(label, classes), np.isin(truth, classes)
        if len(classes) < 2 or not asked.any():
            figures[task] = float("nan")
            continue
        number = np.searchsorted(classes, label[known])
        weight = len(number) / (len(classes) * np.bincount(number, minlength=len(classes))[number])
        machine = fit_svc(learnt[known], number, weight, len(classes), STRENGTH)
        with torch.no_grad():
            guess = machine(torch.from_numpy(judged[asked])).argmax(dim=1).numpy()
        figures[task] = balanced_accuracy(classes[guess], truth[asked])
    return figures


def study_svc(study: Study, fold: int) -> list[Record]:
    """The references without an encoder: trained within each corpus, and on the training corpora."""
    split = splits(study)[fold]
    rows = standardised_rows(study, split)
    clipped = np.clip(rows.features, -5, 5)
    records: list[Record] = []
    source, kept = split.train, split.train[inside(rows.features[split.train])]
    found = accuracies(clipped[kept], rows.label[kept], clipped[split.held_out], rows.label[split.held_out])
    records += [(SVC_SUPERVISED, "none", HELD_OUT, task, value) for task, value in found.items()]
    for name in study.transfer:
        numbers = np.flatnonzero(study.corpus == name)
        outer = deal(study, name)[fold]
        inner = np.setdiff1d(numbers, outer)
        for title, learning, judged in ((SVC_SUPERVISED, inner, outer), (SVC_TRANSFER, source, numbers)):
            learning = learning[inside(rows.features[learning])]
            found = accuracies(clipped[learning], rows.label[learning], clipped[judged], rows.label[judged])
            records += [(title, "none", name, task, value) for task, value in found.items()]
    return records


def run_study(study: Study, jobs: int, variants: Sequence[str] = tuple(VARIANTS)) -> Iterator[list[Record]]:
    """All figures, one list for each fold of each variant, and of the references, as they are done."""
    work = [("", fold) for fold in range(FOLDS)] + [(variant, fold) for variant in variants for fold in range(FOLDS)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker, initargs=(study,)) as pool:
        yield from pool.map(_work, work)


_study: Study


def _start_worker(study: Study) -> None:
    global _study
    torch.set_num_threads(1)
    _study = study


def _work(job: tuple[str, int]) -> list[Record]:
    variant, fold = job
    return study_variant(_study, variant, fold) if variant else study_svc(_study, fold)
