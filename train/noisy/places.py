"""Where the speech, the noise and the receiver are: image-source rooms (Allen and Berkley 1979), by pyroomacoustics.

Leem et al. give the distances of the loudspeaker with speech (A) and of that with noise (B) from the phone, 40 inches
apart together, and the ratio that they estimated in each recording condition. Wearables lie nearer to a mouth, and the
noise comes from farther away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyroomacoustics
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE
from train.noisy.sides import SIDES, Side
from train.rooms import LARGEST_ROOM, REVERBERATION, SMALLEST_ROOM, WALL_CLEARANCE

INCH = 0.0254
SPEED_OF_SOUND = 343.0

ROOMS = 24
"""Rooms on each side."""

PLACES = 4
"""Places of a receiver in each room."""

HIGHEST_ORDER = 40
TABLE_HEIGHT = 0.75
SPREAD = 20.0
"""Degrees by which the noise may stand off the line through the speech and the phone on the table."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A recording condition of the paper.

    Attributes:
        name: what it is called.
        snr: signal-to-noise ratio in dB that the paper estimated in it; infinite where there is no noise.
        speech: distance A, in metres.
        noise: distance B, in metres.
    """

    name: str
    snr: float
    speech: float
    noise: float


CONDITIONS = {
    "quiet": Condition("quiet", math.inf, 5 * INCH, 35 * INCH),
    "10dB": Condition("10dB", 11.06, 5 * INCH, 35 * INCH),
    "5dB": Condition("5dB", 4.34, 10 * INCH, 30 * INCH),
    "0dB": Condition("0dB", 0.15, 15 * INCH, 25 * INCH),
}


@dataclass(frozen=True, slots=True)
class Wearable:
    """A receiver on a body, below the mouth.

    Attributes:
        speech: distance from the mouth in metres, from and to.
        noise: distance of the noise in metres, from and to.
        depression: degrees by which the receiver lies below the mouth, from and to.
    """

    speech: tuple[float, float]
    noise: tuple[float, float]
    depression: tuple[float, float]


WEARABLES = {
    "chest": Wearable((0.2, 0.3), (0.8, 2.0), (60.0, 85.0)),
    "wrist": Wearable((0.25, 0.6), (0.8, 2.0), (15.0, 75.0)),
}
MOUTH_HEIGHT = (1.1, 1.6)
NOISE_HEIGHT = (0.8, 1.6)
TABLE = "table"
RECEIVERS = (TABLE, *WEARABLES)


@dataclass(frozen=True, slots=True)
class Place:
    """A receiver in a room, with what it hears.

    Attributes:
        room: name of the room, the same for all places in it.
        size: of the room in metres.
        reverberation: its reverberation time T60 in seconds, by Sabine's formula.
        receiver: position in metres.
        speech: position of the speech.
        noise: position of the noise.
    """

    room: str
    size: tuple[float, float, float]
    reverberation: float
    receiver: tuple[float, float, float]
    speech: tuple[float, float, float]
    noise: tuple[float, float, float]

    @property
    def distance(self) -> float:
        """Metres from the speech to the receiver."""
        return float(np.linalg.norm(np.subtract(self.speech, self.receiver)))

    @property
    def noise_distance(self) -> float:
        """Metres from the noise to the receiver."""
        return float(np.linalg.norm(np.subtract(self.noise, self.receiver)))


def draw_place(receiver: str, condition: Condition, side: Side, seed: int, number: int) -> Place:
    """One of the ``ROOMS * PLACES`` places of a side.

    Args:
        receiver: one of ``RECEIVERS``.
        condition: whose distances hold on the table.
        side: whose rooms.
        seed: of rooms and places.
        number: which of them.
    """
    room = number // PLACES + ROOMS * SIDES.index(side)
    size, reverberation = _draw_room(room, seed)
    rng = np.random.default_rng([seed, room, number % PLACES, RECEIVERS.index(receiver)])
    while True:
        found = _on_table(size, condition, rng) if receiver == TABLE else _on_body(size, WEARABLES[receiver], rng)
        if all(np.all((at > WALL_CLEARANCE) & (at < size - WALL_CLEARANCE)) for at in found):
            position, speech, noise = (_point(at) for at in found)
            return Place(f"room-{room:02d}", _point(size), reverberation, position, speech, noise)


@lru_cache(maxsize=ROOMS * PLACES)
def responses(place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a place does to the speech and to the noise: impulse responses of the room.

    Returns:
        Two arrays of T60 seconds at most: the sound of a source arrives as many samples after sample 0 as it travels,
        with 1 / r of its pressure at a metre.
    """
    pyroomacoustics.constants.set("num_threads", 1)  # sums of several threads differ in their last digits
    absorption, order = pyroomacoustics.inverse_sabine(place.reverberation, place.size)
    room = pyroomacoustics.ShoeBox(
        place.size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, HIGHEST_ORDER),
    )
    room.add_source(place.speech)
    room.add_source(place.noise)
    room.add_microphone(place.receiver)
    room.compute_rir()
    ahead = pyroomacoustics.constants.get("frac_delay_length") // 2
    length = ahead + round(place.reverberation * SAMPLE_RATE)
    speech, noise = (np.asarray(room.rir[0][source][ahead:length], dtype=np.float32) for source in range(2))
    return speech, noise


def travel(distance: float) -> int:
    """Samples that sound takes for a distance in metres."""
    return round(distance / SPEED_OF_SOUND * SAMPLE_RATE)


def _draw_room(number: int, seed: int) -> tuple[NDArray[np.float64], float]:
    rng = np.random.default_rng([seed, number])
    while True:
        size, reverberation = rng.uniform(SMALLEST_ROOM, LARGEST_ROOM), float(rng.uniform(*REVERBERATION))
        try:
            pyroomacoustics.inverse_sabine(reverberation, size)
        except ValueError:  # no wall absorbs enough for so short a reverberation in so large a room
            continue
        return size, reverberation


def _on_table(size: NDArray[np.float64], condition: Condition, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """The phone, and two loudspeakers on either side of it."""
    phone = np.array([*rng.uniform(WALL_CLEARANCE, size[:2] - WALL_CLEARANCE), TABLE_HEIGHT])
    towards = rng.uniform(0, 360)
    away = towards + 180 + rng.uniform(-SPREAD, SPREAD)
    return [phone, phone + condition.speech * _direction(towards), phone + condition.noise * _direction(away)]


def _on_body(size: NDArray[np.float64], worn: Wearable, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """The wearable, the mouth above it, and the noise somewhere."""
    mouth = np.array([*rng.uniform(WALL_CLEARANCE, size[:2] - WALL_CLEARANCE), rng.uniform(*MOUTH_HEIGHT)])
    receiver = mouth + rng.uniform(*worn.speech) * _direction(rng.uniform(0, 360), -rng.uniform(*worn.depression))
    height = rng.uniform(*NOISE_HEIGHT) - receiver[2]
    level = np.sqrt(max(rng.uniform(*worn.noise) ** 2 - height**2, 0.0))
    noise = receiver + level * _direction(rng.uniform(0, 360)) + np.array([0, 0, height])
    return [receiver, mouth, noise]


def _direction(azimuth: float, elevation: float = 0.0) -> NDArray[np.float64]:
    around, up = np.radians((azimuth, elevation))
    return np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])


def _point(at: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in at)
    return x, y, z
