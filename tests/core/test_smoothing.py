from __future__ import annotations

import math

import numpy as np
import pytest

from edge_app.core.smoothing import SMOOTHING_OFF, Smoother, SmoothingSettings
from edge_app.core.types import samples
from edge_app.errors import ConfigurationError


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_off_gives_every_window_by_itself() -> None:
    smoother = Smoother(SMOOTHING_OFF)
    for end, values in enumerate([vector(0.6, 0.4, 0.1), vector(0.4, 0.6, -0.3), vector(0.51, 0.49, 0.0)], start=1):
        smoothed, label = smoother.update(values, 2, samples(end / 4))
        np.testing.assert_array_equal(smoothed, values)
        assert label == int(np.argmax(values[:2]))


def test_a_step_is_followed_with_the_time_constant_whatever_the_hop() -> None:
    for hop in (0.1, 0.25, 1.0):
        smoother = Smoother(SmoothingSettings(time_constant=0.5, margin=0.0, forget_after=5.0))
        smoother.update(vector(1.0, 0.0), 2, 0)
        end = 0.0
        while end < 0.999:
            end += hop
            smoothed, _ = smoother.update(vector(0.0, 1.0), 2, samples(end))
        assert smoothed[0] == pytest.approx(math.exp(-1.0 / 0.5), rel=1e-3)


def test_probabilities_stay_probabilities() -> None:
    generator = np.random.default_rng(1)
    smoother = Smoother(SmoothingSettings())
    for end in range(1, 50):
        scores = generator.dirichlet(np.ones(4))
        smoothed, _ = smoother.update(scores, 4, samples(end / 4))
        assert smoothed.sum() == pytest.approx(1.0)
        assert smoothed.min() >= 0


def test_the_label_does_not_flicker_around_a_tie() -> None:
    smoother = Smoother(SmoothingSettings(time_constant=0.01, margin=0.1, forget_after=5.0))
    labels = [
        smoother.update(vector(0.5 + side, 0.5 - side), 2, samples(hop / 4))[1]
        for hop, side in enumerate([0.02, -0.02, 0.03, -0.04, -0.06, 0.04, 0.06])
    ]
    assert labels == [0, 0, 0, 0, 1, 1, 0]


def test_the_past_is_forgotten_after_a_silence() -> None:
    smoother = Smoother(SmoothingSettings(time_constant=10.0, margin=0.5, forget_after=2.0))
    smoother.update(vector(1.0, 0.0), 2, samples(1))
    smoothed, label = smoother.update(vector(0.4, 0.6), 2, samples(3.5))
    np.testing.assert_array_equal(smoothed, [0.4, 0.6])
    assert label == 1


def test_reset_forgets() -> None:
    smoother = Smoother(SmoothingSettings(time_constant=10.0))
    smoother.update(vector(1.0, 0.0), 2, samples(1))
    smoother.reset()
    smoothed, label = smoother.update(vector(0.4, 0.6), 2, samples(0.5))
    np.testing.assert_array_equal(smoothed, [0.4, 0.6])
    assert label == 1


@pytest.mark.parametrize("wrong", [{"time_constant": -1.0}, {"margin": -0.1}, {"forget_after": -1.0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="must be 0 or a positive number"):
        SmoothingSettings(**wrong)
