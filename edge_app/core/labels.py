"""The vocabulary of emotions and where each lies in the space of arousal, valence and dominance.

One vocabulary serves every corpus. The position of a category is *mapped*: it is the published mean rating of the
emotion word, not a rating of the recording, and everything that shows such a value says "mapped".

Norms: Russell and Mehrabian, "Evidence for a three-factor theory of emotions", Journal of Research in Personality 11
(1977), 273-294, whose ratings lie in [-1, 1]. The terms taken are those in :data:`NORM_TERMS`; neutral is the origin
by definition of the scales.
"""

from __future__ import annotations

from typing import NamedTuple

LABELS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise", "boredom")
FOUR_CLASSES = ("neutral", "happiness", "sadness", "anger")
DIMENSIONS = ("arousal", "valence", "dominance")


class Affect(NamedTuple):
    """A point in the affective space, each coordinate in [-1, 1]."""

    arousal: float
    valence: float
    dominance: float


NORM_TERMS = {
    "neutral": "(origin)",
    "calm": "relaxed",
    "happiness": "happy",
    "sadness": "sad",
    "anger": "angry",
    "fear": "fearful",
    "disgust": "disgusted",
    "surprise": "surprised",
    "boredom": "bored",
}

AFFECT_NORMS = {
    "neutral": Affect(0.0, 0.0, 0.0),
    "calm": Affect(-0.46, 0.68, 0.06),
    "happiness": Affect(0.51, 0.81, 0.46),
    "sadness": Affect(-0.27, -0.63, -0.33),
    "anger": Affect(0.59, -0.51, 0.25),
    "fear": Affect(0.60, -0.64, -0.43),
    "disgust": Affect(0.35, -0.60, 0.11),
    "surprise": Affect(0.67, 0.40, -0.13),
    "boredom": Affect(-0.62, -0.65, -0.33),
}
