from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from edge_app.core.labels import AFFECT_NORMS, LABELS
from edge_app.errors import ConfigurationError
from train.config import BaselineConfig, SpectrumConfig, VersionsConfig, WaveformConfig
from train.corpora import read_corpus
from train.dataset import BalancedBatches, WindowPool, affect, augmented_windows, clean_windows
from train.frames import build_store
from train.runner import judge_versions, simulated_wearers
from train.store import StoreSettings


@pytest.fixture
def store(voices, tmp_path):
    return build_store(
        read_corpus(str(voices)), StoreSettings("logmel", WaveformConfig(copies=0), None, 1), tmp_path, 1
    )


@pytest.fixture
def pool(store, small):
    labels = [utterance.label for utterance in store.utterances]
    keep = [n for n, label in enumerate(labels) if label != "anger" or n % 2 == 0]  # anger is rarer
    return WindowPool(store, np.array(keep), small.data.labels)


def test_baseline_is_the_statistics_of_the_pools_frames(pool, store):
    baseline = pool.baseline("digest")
    rows = np.unique(pool.last[:, None] + np.arange(-60, 1))
    frames = store.frames[0, rows].astype(np.float64)
    np.testing.assert_allclose(baseline.mean, frames.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(baseline.deviation, frames.std(axis=0), rtol=1e-3)
    assert baseline.count == len(rows)


def test_every_class_is_drawn_equally_often(pool, small):
    batches = BalancedBatches(pool, pool.baseline("digest"), small)
    rng = np.random.default_rng(0)
    drawn = Counter(pool.store.utterances[batches._draw(rng)].label for _ in range(4000))
    assert drawn["fear"] / 4000 == pytest.approx(small.loss.other_share, abs=0.03)
    shares = [drawn[label] / (4000 - drawn["fear"]) for label in small.data.labels]
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_batches_depend_on_seed_and_epoch_alone(pool, small):
    def first(epoch: int) -> torch.Tensor:
        batches = BalancedBatches(pool, pool.baseline("digest"), small)
        batches.epoch = epoch
        return next(iter(batches)).features

    assert torch.equal(first(2), first(2))
    assert not torch.equal(first(2), first(3))


def test_targets_are_mixtures_of_labels(pool, small):
    batch = next(iter(BalancedBatches(pool, pool.baseline("digest"), small)))
    assert batch.features.shape == (16, 61, 128)
    assert batch.vocabulary.shape == (16, len(LABELS))
    torch.testing.assert_close(batch.vocabulary.sum(1), torch.ones(16))
    norms = torch.tensor([AFFECT_NORMS[label] for label in LABELS])
    torch.testing.assert_close(batch.affect, batch.vocabulary @ norms)


def test_every_utterance_of_the_pool_has_a_clean_window(pool):
    features, owner = clean_windows(pool, pool.baseline("digest"), stride=50)
    assert set(owner) == set(pool.utterances)
    assert len(features) == len(owner)


def test_ratings_come_before_mapped_values(store):
    from dataclasses import replace

    utterance = store.utterances[0]
    assert affect(utterance) == AFFECT_NORMS[utterance.label]
    assert affect(replace(utterance, arousal=0.1, valence=0.2, dominance=0.3)) == (0.1, 0.2, 0.3)


def test_a_simulated_wearer_changes_what_is_taken_away_and_nothing_else(pool, small, store):
    baseline = pool.baseline("digest")

    def first(share: float) -> torch.Tensor:
        config = replace(small, baseline=BaselineConfig(share=share, shortest=1e3, longest=1e3))
        wearers = simulated_wearers(store, pool.utterances, baseline, config)
        still = replace(config, spectrum=SpectrumConfig(0.0, 0.0, 0.0, 0.0, 1, 1, 0.0))
        return next(iter(BalancedBatches(pool, baseline, still, wearers if share else None))).features

    moved = first(1.0) - first(0.0)
    usual = moved.median(dim=1, keepdim=True).values
    assert usual.abs().amax(dim=(1, 2)).min() > 0.01
    # Every frame of a window is moved alike, but where both are masked.
    assert ((moved - usual).abs() < 1e-4).float().mean() > 0.9


def test_without_a_share_batches_are_what_they_were(pool, small, store):
    baseline = pool.baseline("digest")
    wearers = simulated_wearers(store, pool.utterances, baseline, small)
    drawn = wearers.draw(pool.owner[:20], np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, np.tile(baseline.mean, (20, 1)))


@pytest.fixture(scope="module")
def loud(voices, tmp_path_factory):
    """A store with two augmented versions, which differ from the clean one by a gain alone."""
    louder = WaveformConfig(
        copies=2, room_probability=0, noise_probability=0, band_probability=0, gain_low=-20, gain_high=-10
    )
    settings = StoreSettings("logmel", louder, None, 1)
    return build_store(read_corpus(str(voices)), settings, tmp_path_factory.mktemp("loud"), 1)


@pytest.mark.parametrize(("clean", "share"), [(0.0, 1 / 3), (0.6, 0.6)])
def test_the_clean_version_is_drawn_as_often_as_asked(loud, small, clean, share):
    pool = WindowPool(loud, np.arange(len(loud.utterances)), small.data.labels)
    config = replace(small, versions=VersionsConfig(clean=clean))
    drawn = BalancedBatches(pool, pool.baseline("digest"), config)._versions(np.random.default_rng(0), 6000)
    counts = np.bincount(drawn, minlength=3) / 6000
    np.testing.assert_allclose(counts, [share, (1 - share) / 2, (1 - share) / 2], atol=0.02)


def test_augmented_windows_are_the_clean_ones_augmented(loud, small):
    pool = WindowPool(loud, np.arange(len(loud.utterances)), small.data.labels)
    baseline = pool.baseline("digest")
    clean, owner = clean_windows(pool, baseline)
    for version in (1, 2):
        windows, same = augmented_windows(pool, baseline, version)
        np.testing.assert_array_equal(same, owner)
        change = ((windows - clean) * torch.from_numpy(baseline.deviation)).numpy()
        gain = np.median(change, axis=(1, 2))  # in decibels; bands at the floor do not follow it
        assert -20.1 < gain.min() <= gain.max() < -9.9
        assert all(np.ptp(gain[owner == number]) < 0.1 for number in set(owner))


def test_versions_are_judged_as_utterances_of_their_own(loud, small):
    pool = WindowPool(loud, np.arange(5), small.data.labels)
    baseline = pool.baseline("digest")
    windows, owner = clean_windows(pool, baseline)
    truth = {number: number % 3 for number in range(5)}
    features, owners, classes = judge_versions(pool, baseline, 2, (windows, owner, truth))
    count = len(loud.utterances)
    assert torch.equal(features[: len(windows)], windows)
    assert torch.equal(features[len(windows) :], augmented_windows(pool, baseline, 1)[0])
    np.testing.assert_array_equal(owners, [*owner, *(owner + count)])
    assert classes == truth | {number + count: label for number, label in truth.items()}
    assert torch.equal(judge_versions(pool, baseline, 1, (windows, owner, truth))[0], windows)
    with pytest.raises(ConfigurationError, match=r"judged = 4, but \[waveform\] copies make 3 with the clean one"):
        judge_versions(pool, baseline, 4, (windows, owner, truth))
