"""What Leem et al. (Interspeech 2021) report: mean CCC over 20 trials on MSP-Podcast and its noisy recordings."""

from __future__ import annotations

TRIALS = 20

PUBLISHED: dict[tuple[str, str], dict[str, float]] = {
    ("dense", "arousal"): {"clean": 0.631, "10dB": 0.248, "5dB": 0.229, "0dB": 0.192},
    ("dense", "valence"): {"clean": 0.296, "10dB": 0.151, "5dB": 0.120, "0dB": 0.104},
    ("dense", "dominance"): {"clean": 0.562, "10dB": 0.253, "5dB": 0.252, "0dB": 0.215},
    ("ladder", "arousal"): {"clean": 0.627, "10dB": 0.438, "5dB": 0.424, "0dB": 0.364},
    ("ladder", "valence"): {"clean": 0.280, "10dB": 0.146, "5dB": 0.129, "0dB": 0.111},
    ("ladder", "dominance"): {"clean": 0.545, "10dB": 0.381, "5dB": 0.385, "0dB": 0.339},
    ("dln", "arousal"): {"clean": 0.625, "10dB": 0.488, "5dB": 0.460, "0dB": 0.402},
    ("dln", "valence"): {"clean": 0.283, "10dB": 0.160, "5dB": 0.126, "0dB": 0.114},
    ("dln", "dominance"): {"clean": 0.556, "10dB": 0.450, "5dB": 0.436, "0dB": 0.397},
}
"""By net and attribute, then by condition."""
