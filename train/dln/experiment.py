"""The trials: nets that learn from clean labelled speech, judged where it is noisy.

A dense net learns once and is judged everywhere. A ladder learns anew for each condition, with unlabelled speech that
was recorded in it, and normalises by the moments of that speech. The dense net so normalised is judged, too, since that
alone is a part of what a ladder gains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_app.core.baseline import Baseline
from edge_app.core.types import Floats
from train.config import ExperimentConfig
from train.corpora import Utterance
from train.dataset import affect
from train.dln.protocol import Role
from train.dln.scenes import CLEAN, NOISY
from train.heads import fit_logistic, fit_readout
from train.ladder import fit_ladder
from train.metrics import confusion, moments
from train.nets import make_net
from train.nets.dense import DenseNet
from train.nets.ladder import Ladder
from train.rows import Rows, inside, make_rows, robust_baseline

CONDITIONS = (CLEAN, *NOISY)
DENSE, ADAPTED, LADDER, DECOUPLED = "dense", "dense, normalised there", "ladder", "dln"
NETS = (DENSE, ADAPTED, LADDER, DECOUPLED)

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Study:
    """What is studied.

    Attributes:
        utterances: all of them.
        roles: numbers of the utterances in each role.
        features: not standardised, by condition and role, in the order of ``roles``, shape (n, functionals).
        config: nets' parameters, noise, weights and schedule; its net and data are of no consequence but the labels.
        judged: ``test``, or ``development`` while something is chosen.
    """

    utterances: Sequence[Utterance]
    roles: Mapping[Role, NDArray[np.int64]]
    features: Mapping[tuple[str, Role], Floats]
    config: ExperimentConfig
    judged: Role = "test"

    @property
    def speakers(self) -> list[str]:
        """Who is judged, sorted."""
        return sorted({self.utterances[number].speaker for number in self.roles[self.judged]})


@dataclass(frozen=True, slots=True)
class Result:
    """What a net got in a condition in a trial.

    Attributes:
        net: one of ``NETS``.
        condition: one of ``CONDITIONS``.
        moments: of mapped or rated values and answers, by speaker, shape (speakers, attributes, 6).
        confusion: of the classes, by speaker, shape (speakers, classes, classes).
        analysis: of a decoupled ladder: reconstruction errors by layer, from either embedding, and how much of the
            functionals each embedding tells; empty for other nets.
    """

    net: str
    condition: str
    moments: Doubles
    confusion: Doubles
    analysis: dict[str, list[float]]


def run_trial(study: Study, trial: int, conditions: Sequence[str] = CONDITIONS) -> Iterator[Result]:
    """Train and judge all nets once, with weights and draws of their own in each trial.

    Args:
        study: what is studied.
        trial: its number.
        conditions: where they are judged.
    """
    config = study.config.with_seed(trial)
    training = study.features[CLEAN, "training"]
    baseline = robust_baseline(training, "")
    rows = make_rows(baseline.standardise(training), study.roles["training"], study.utterances, config.data.labels)
    rows = rows.select(inside(rows.features))
    dense, _ = _fitted(DENSE, config, rows, np.zeros((0, rows.features.shape[1]), dtype=np.float32))
    for condition in conditions:
        dense.measure(torch.from_numpy(rows.features))
        yield judge(study, DENSE, dense, condition, baseline)
        there = baseline.standardise(study.features[condition, "unlabelled"])
        dense.measure(torch.from_numpy(there))
        yield judge(study, ADAPTED, dense, condition, baseline)
        for name in (LADDER, DECOUPLED):
            net, ladder = _fitted(name, config, rows, there)
            analysis = analyse(study, ladder, condition, baseline) if name == DECOUPLED else {}
            yield dataclasses.replace(judge(study, name, net, condition, baseline), analysis=analysis)


def _fitted(name: str, config: ExperimentConfig, rows: Rows, unlabelled: Floats) -> tuple[DenseNet, Ladder]:
    """A trained net whose classes were fitted where it normalises by the labelled rows."""
    torch.manual_seed(config.optimiser.seed)
    labels = config.data.labels
    parameters = {key: value for key, value in config.net_parameters.items() if name == DECOUPLED or key != "split"}
    net = make_net(name, rows.features.shape[1:], len(labels), **parameters)
    assert isinstance(net, DenseNet)
    ladder = fit_ladder(net, rows, unlabelled, config).ladder
    meant_for = [(layer.mean.clone(), layer.deviation.clone()) for layer in net.stack]
    net.measure(torch.from_numpy(rows.features))
    classed = rows.select(np.flatnonzero(rows.label >= 0))
    with torch.no_grad():
        embedding = net(torch.from_numpy(classed.features)).embedding.numpy()
    head = fit_logistic(embedding, classed.label, classed.balance(), len(labels), config.head.strength)
    net.emotion.load_state_dict(head.state_dict())
    for layer, (mean, deviation) in zip(net.stack, meant_for, strict=True):
        layer.mean.copy_(mean)
        layer.deviation.copy_(deviation)
    return net, ladder


def judge(study: Study, name: str, net: DenseNet, condition: str, baseline: Baseline) -> Result:
    """What a net answers to the judged speakers in a condition, counted by speaker."""
    numbers, labels = study.roles[study.judged], study.config.data.labels
    with torch.no_grad():
        output = net(torch.from_numpy(baseline.standardise(study.features[condition, study.judged])))
    utterances = [study.utterances[number] for number in numbers]
    reference = np.array([affect(utterance) for utterance in utterances], dtype=np.float64)
    truth = np.array([labels.index(u.label) if u.label in labels else -1 for u in utterances], dtype=np.int64)
    predicted = output.logits.numpy().argmax(axis=1)
    answers = output.dimensions.numpy().astype(np.float64)
    speaker = np.array([utterance.speaker for utterance in utterances])
    found, counts = [], []
    for each in study.speakers:
        mine = speaker == each
        found.append(moments(reference[mine], answers[mine]).T)
        classed = mine & (truth >= 0)
        counts.append(confusion(truth[classed], predicted[classed], len(labels)))
    return Result(name, condition, np.stack(found), np.stack(counts), {})


def analyse(study: Study, ladder: Ladder, condition: str, baseline: Baseline) -> dict[str, list[float]]:
    """What a decoupled ladder's embeddings know of the judged speech.

    Returns:
        ``reconstruction`` and ``emotion``: error of each layer, where the decoder starts from that embedding; and
        ``reconstruction told`` and ``emotion told``: the share of the functionals' variance that is linear in it,
        fitted to the unlabelled speech of the condition.
    """
    there, judged = (
        ladder.net.clipped(torch.from_numpy(baseline.standardise(study.features[condition, role])))
        for role in ("unlabelled", study.judged)
    )
    found: dict[str, list[float]] = {}
    with torch.no_grad():
        passes = [ladder.encode(features, noisy=False) for features in (there, judged)]
        for name, use_emotion in (("reconstruction", False), ("emotion", True)):
            if use_emotion and passes[0].embedding.shape[1] != passes[0].top.shape[1]:
                continue  # the decoder has no place for an embedding of another size
            found[name] = [float(loss) for loss in ladder.reconstruction_losses(judged, use_emotion)]
        for name, which in (("reconstruction told", "top"), ("emotion told", "embedding")):
            fitted, asked = (getattr(each, which).numpy() for each in passes)
            readout = fit_readout(fitted, there.numpy(), np.ones(len(there)))
            error = (readout(torch.from_numpy(asked)) - judged).square().mean()
            found[name] = [float(1 - error / judged.var(dim=0, correction=0).mean())]
    return found
