"""Statistics of contours against SciPy, NumPy and librosa; and the row of a window against its parts."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.stats

from edge_app.core.features import CepstrumStatistics, Egemaps, LogMelEgemaps
from edge_app.core.features.cepstrum_statistics import (
    COEFFICIENTS,
    FUNCTIONALS,
    STATISTICS,
    averaged,
    slopes,
    statistics,
)


@pytest.fixture
def contours(rng):
    return np.cumsum(rng.normal(size=(98, 5)), axis=0) + rng.gamma(1.0, 2.0, size=(98, 5))


@pytest.fixture
def speech(rng):
    time = np.arange(24_000) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 3 * time))
    return (0.05 * voice + rng.normal(0, 0.003, 24_000)).astype(np.float32)


def test_statistics_are_those_of_scipy_and_numpy(contours):
    found = dict(zip(STATISTICS, statistics(contours), strict=True))
    change = np.diff(contours, axis=0)
    line = np.polynomial.polynomial.polyfit(np.linspace(-1, 1, 98), contours, 1)
    inner = contours[1:-1]
    expected = {
        "amean": np.mean(contours, axis=0),
        "stddev": np.std(contours, axis=0),
        **{f"percentile{share}": np.percentile(contours, share, axis=0) for share in (5, 20, 50, 80, 95)},
        "slope": line[1],
        "meanAbsChange": np.abs(change).mean(axis=0),
        "meanRise": change.clip(min=0).mean(axis=0),
        "skewness": scipy.stats.skew(contours, axis=0),
        "kurtosis": scipy.stats.kurtosis(contours, axis=0, fisher=False),
        "peakRate": np.mean(np.pad((inner > contours[:-2]) & (inner > contours[2:]), ((1, 1), (0, 0))), axis=0),
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_slopes_are_those_of_librosa(contours):
    np.testing.assert_allclose(
        slopes(contours), librosa.feature.delta(contours.T, width=5, mode="nearest").T, atol=1e-9
    )


def test_a_row_holds_cepstra_slopes_descriptors_and_functionals_under_their_names(speech):
    extractor, joint = CepstrumStatistics(), LogMelEgemaps()
    frames = np.concatenate((joint.feed(speech), joint.finish()))[:88]
    row = dict(zip(FUNCTIONALS, extractor.summarise(frames, 88), strict=True))
    assert len(row) == extractor.size == 887
    bands = frames[:, :64].astype(np.float64)
    cepstrum = scipy.fft.dct(averaged(bands), type=2, norm="ortho", axis=1)[:, :COEFFICIENTS]
    cepstrum[:, 0] *= np.sqrt(2)  # the orthonormal transform has a weight of its own for the level
    np.testing.assert_allclose(averaged(bands)[1:-1], (bands[:-2] + bands[1:-1] + bands[2:]) / 3)
    for number in (0, 1, 23):
        assert row[f"cepstrum{number}_amean"] == pytest.approx(cepstrum[:, number].mean(), rel=1e-4, abs=1e-4)
        assert row[f"cepstrumDelta{number}_stddev"] == pytest.approx(slopes(cepstrum)[:, number].std(), rel=1e-4)
    described = frames[:, 64:]
    assert row["Loudness_percentile80"] == pytest.approx(np.percentile(described[:, 0], 80), rel=1e-4)
    assert row["HNRdBACF_kurtosis"] == pytest.approx(
        scipy.stats.kurtosis(described[:, 13].astype(np.float64), fisher=False), rel=1e-4
    )
    alone = Egemaps(formants=False)
    own = alone.summarise(described, 88)
    np.testing.assert_array_equal(extractor.summarise(frames, 88)[-68:], own)
    assert FUNCTIONALS[-68:] == alone.functionals


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_short_and_silent_windows_are_finite(speech, count, level):
    joint = LogMelEgemaps()
    frames = np.concatenate((joint.feed(level * speech), joint.finish()))[:count]
    assert np.isfinite(CepstrumStatistics().summarise(frames, 88)).all()
