"""Table 1 and 2 of Li et al. (ICASSP 2021): CCC, mean and deviation over five trainings."""

from __future__ import annotations

COLUMNS = ("average", "arousal", "valence", "dominance")

IEMOCAP: dict[str, tuple[tuple[float, float], ...]] = {
    "Sup": ((0.664, 0.007), (0.638, 0.017), (0.718, 0.004), (0.635, 0.009)),
    "jointCPC": ((0.562, 0.012), (0.549, 0.032), (0.642, 0.013), (0.491, 0.016)),
    "miniCPC": ((0.660, 0.005), (0.673, 0.028), (0.702, 0.009), (0.606, 0.019)),
    "preCPC": ((0.731, 0.003), (0.752, 0.014), (0.752, 0.009), (0.691, 0.009)),
}

MSP_PODCAST: dict[str, tuple[tuple[float, float], ...]] = {
    "Sup": ((0.458, 0.005), (0.596, 0.007), (0.266, 0.004), (0.501, 0.013)),
    "jointCPC": ((0.491, 0.008), (0.628, 0.006), (0.280, 0.006), (0.568, 0.007)),
    "miniCPC": ((0.549, 0.006), (0.688, 0.009), (0.345, 0.005), (0.615, 0.011)),
    "preCPC": ((0.571, 0.004), (0.706, 0.006), (0.377, 0.008), (0.639, 0.012)),
}
