"""Products with filter banks, in parts: those of numpy, and the same beside any other frames."""

from __future__ import annotations

import numpy as np
import pytest

from edge_app.core.features.bands import FilterBank
from edge_app.core.features.logmel import mel_filters


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_parts_make_up_the_product(rng, parts, kind):
    weights = mel_filters(40, 512, 0.0, 8000.0).astype(kind)
    spectra = rng.uniform(0, 1, (9, 257)).astype(kind)
    bank = FilterBank(weights, parts)
    found = bank(spectra)
    assert found.dtype == kind
    np.testing.assert_allclose(found, spectra.astype(np.float64) @ weights, rtol=1e-5)
    np.testing.assert_array_equal(np.concatenate([bank(spectrum[None]) for spectrum in spectra]), found)
