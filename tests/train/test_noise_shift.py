"""How noise sounds to a net and what it does to the classes, against a world that was made so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge_app.core.baseline import Baseline  # noqa: E402
from train.config import parse_config  # noqa: E402
from train.corpora import Utterance  # noqa: E402
from train.dataset import WindowPool, windows_of  # noqa: E402
from train.frames import FrameStore  # noqa: E402
from train.nets import make_net  # noqa: E402
from train.nets.base import EmotionNet, NetOutput  # noqa: E402
from train.nets.noise_shift import NoiseShift  # noqa: E402
from train.noise_shift import fit_noise_shift  # noqa: E402

LABELS = ("neutral", "happiness", "sadness", "anger")
HUM, TOLD = 6.0, torch.tensor([0.8, -0.3, -0.1, -0.4])


@pytest.fixture
def part():
    part = NoiseShift(5, 3).eval()
    with torch.no_grad():
        part.weight[0, 1] = 100.0
        part.bias.fill_(-50.0)
        part.shift.copy_(torch.tensor([[1.0, 0.0, -1.0]]))
    return part


def test_nothing_is_added_before_it_was_fitted(rng):
    embedding = torch.from_numpy(rng.normal(size=(4, 5)).astype(np.float32))
    assert not NoiseShift(5, 3)(embedding).any()


def test_classes_are_shifted_as_far_as_noise_is_heard(part):
    embedding = torch.zeros(3, 5)
    embedding[:, 1] = torch.tensor([0.0, 0.5, 1.0])
    expected = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, -0.5], [1.0, 0.0, -1.0]])
    torch.testing.assert_close(part(embedding), expected, atol=1e-6, rtol=0)


def test_softening_a_joint_net_softens_the_shift(rng):
    net = make_net("joint", (98, 132), 4).eval()
    with torch.no_grad():
        net.noise_shift.weight.normal_()
        net.noise_shift.shift.copy_(TOLD)
    features = torch.from_numpy(rng.normal(size=(3, 98, 132)).astype(np.float32))
    with torch.no_grad():
        before = net(features).logits
        net.soften(2.0)
        torch.testing.assert_close(net(features).logits, before / 2, atol=1e-6, rtol=1e-5)


class Guess(EmotionNet):
    """Reads the class off the mean frame; a hum, the fifth number of it, makes it lean towards the last class."""

    hears_noise = True

    def __init__(self) -> None:
        super().__init__()
        self.embedding_size = 5
        self.noise_shift = NoiseShift(5, 4)

    def forward(self, features: torch.Tensor) -> NetOutput:
        embedding = features.mean(dim=1)
        leant = embedding[:, :4] - (embedding[:, 4:] > HUM / 2) * TOLD
        return NetOutput(leant + self.noise_shift(embedding), torch.zeros(len(features), 3), embedding)


@pytest.fixture
def world(rng):
    """600 utterances of a window of one frame each, clean and in two versions that hum; half of them train."""
    label = rng.integers(0, 4, 600)
    evidence = 1.5 * (1.5 * np.eye(4)[label] + rng.normal(size=(3, 600, 4)))
    hum = np.array([0.0, HUM, HUM])[:, None, None] + 0.3 * rng.normal(size=(3, 600, 1))
    utterances = [
        Utterance(path=Path(f"{n}.wav"), corpus="made", speaker=f"{n % 2}", language="und", label=LABELS[each])
        for n, each in enumerate(label)
    ]
    store = FrameStore(
        utterances,
        np.concatenate((evidence, hum), axis=2).astype(np.float16),
        np.arange(601),
        np.stack([np.arange(600)] * 2, axis=1),
        np.ones(600, dtype=np.float32),
        frames_per_window=1,
    )
    return store, WindowPool(store, np.arange(0, 600, 2), LABELS), WindowPool(store, np.arange(1, 600, 2), LABELS)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_noise_does_to_the_classes_is_found_and_taken_back(world, share):
    store, training, judged = world
    truth = {n: LABELS.index(store.utterances[n].label) for n in judged.utterances.tolist()}
    config = parse_config(
        {"name": "g", "model": {"net": "joint"}, "data": {"features": "logmel+egemaps"}, "versions": {"shift": share}},
        "test",
    )
    plain = Baseline("made", 1, np.zeros(5, dtype=np.float32), np.ones(5, dtype=np.float32))
    net = Guess().eval()
    found = fit_noise_shift(net, config, training, judged, truth, plain)
    assert list(found["shift"]) == list(LABELS)
    np.testing.assert_allclose(list(found["shift"].values()), share * (TOLD - TOLD.mean()), atol=0.25)
    assert found["noise_heard"]["clean"] < 0.05
    assert found["noise_heard"]["augmented"] > 0.95
    clean, noisy = (net(windows_of(judged, plain, judged.last, version)).logits for version in (0, 1))
    frames = torch.from_numpy(store.frames[:2, judged.last].astype(np.float32))
    torch.testing.assert_close(clean, frames[0, :, :4], atol=0.1, rtol=0)
    shift = torch.tensor(list(found["shift"].values()))
    torch.testing.assert_close(noisy, frames[1, :, :4] - TOLD + shift, atol=0.1, rtol=0)
