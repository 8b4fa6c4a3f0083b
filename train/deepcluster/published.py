"""What Lin, Sridhar and Busso (ICASSP 2021) report on MSP-Podcast 1.6, rated, each attribute in [0, 1] of CCC."""

from __future__ import annotations

PUBLISHED: dict[str, dict[str, float]] = {
    "CNN-regressor": {"arousal": 0.6177, "dominance": 0.4928, "valence": 0.1696},
    "CNN-AE": {"arousal": 0.6338, "dominance": 0.5111, "valence": 0.1354},
    "CNN-VAE": {"arousal": 0.5586, "dominance": 0.4800, "valence": 0.1826},
    "DeepEmoCluster-10": {"arousal": 0.6502, "dominance": 0.5426, "valence": 0.1510},
    "DeepEmoCluster-10, unlabelled": {"arousal": 0.6611, "dominance": 0.5400, "valence": 0.1572},
    "DeepEmoCluster-20, unlabelled": {"arousal": 0.6491, "dominance": 0.5459, "valence": 0.1756},
    "DeepEmoCluster-30, unlabelled": {"arousal": 0.6416, "dominance": 0.5490, "valence": 0.1752},
}
"""CCC by variant and attribute; with unlabelled speech, that of 40,000 utterances."""
