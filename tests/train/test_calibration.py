"""Calibration against what is known of how scores were made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.calibration import class_shift


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, torch.Tensor]:
    """Labels, and the logits of a classifier as good as any: those of three Gaussians a distance of 2 apart."""
    label = rng.integers(0, 3, count)
    point = 1.5 * np.eye(3)[label] + rng.normal(size=(count, 3))
    return label, torch.from_numpy((1.5 * point).clip(-4, 4).astype(np.float32))


def test_the_shift_takes_back_what_was_added_to_the_classes(rng):
    label, logits = drawn(rng, 3000)
    added = torch.tensor([0.6, -0.2, -0.4])
    found = class_shift(logits + added, np.arange(3000), dict(enumerate(label.tolist())), ["a"] * 3000)
    assert float(found.sum()) == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(found, -added, atol=0.1)


def test_rare_classes_and_small_groups_weigh_as_much_as_others(rng):
    label, logits = drawn(rng, 6000)
    rare = (label != 2) | (np.arange(6000) % 10 == 0)  # a tenth of the third class is left
    label, logits = label[rare], logits[rare]
    groups = ["large" if number % 20 else "small" for number in range(len(label))]
    truth = dict(enumerate(label.tolist()))
    np.testing.assert_allclose(class_shift(logits, np.arange(len(label)), truth, groups), 0, atol=0.15)
    # The small group's shift differs from the large one's: what is found lies half-way.
    moved = logits.clone()
    small = torch.tensor([group == "small" for group in groups])
    moved[small] += torch.tensor([0.8, -0.4, -0.4])
    found = class_shift(moved, np.arange(len(label)), truth, groups)
    assert -0.65 < float(found[0]) < -0.2


def test_an_utterance_counts_once_however_many_windows_it_has(rng):
    label, logits = drawn(rng, 400)
    truth = dict(enumerate(label.tolist()))
    once = class_shift(logits, np.arange(400), truth, ["a"] * 400)
    often = np.where(label == 0, 5, 1)
    repeated = class_shift(
        logits.repeat_interleave(torch.from_numpy(often), 0), np.repeat(np.arange(400), often), truth,
        ["a"] * 400,
    )  # fmt: skip
    np.testing.assert_allclose(repeated, once, atol=1e-4)


def test_a_class_that_is_never_right_keeps_the_shift_finite(rng):
    label, logits = drawn(rng, 300)
    logits[:, 1] -= 100
    found = class_shift(logits, np.arange(300), dict(enumerate(label.tolist())), ["a"] * 300)
    assert torch.isfinite(found).all()
