"""Small simulated rooms: image-source responses (Allen and Berkley 1979) through pyroomacoustics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyroomacoustics
from numpy.typing import NDArray

from edge_app.core.types import SAMPLE_RATE

SMALLEST_ROOM = (2.5, 2.5, 2.2)
LARGEST_ROOM = (7.0, 6.0, 3.2)
REVERBERATION = (0.12, 0.5)
DISTANCE = (0.15, 1.5)
WALL_CLEARANCE = 0.3
HIGHEST_ORDER = 12
RESPONSE_LENGTH = int(0.4 * SAMPLE_RATE)


@lru_cache(maxsize=2)
def room_responses(count: int, seed: int) -> tuple[NDArray[np.float32], ...]:
    """Impulse responses of rooms of varied size, reverberation (T60 0.12 to 0.5 s) and distance (0.15 to 1.5 m).

    Returns:
        ``count`` arrays, each at most 0.4 s, beginning with the direct sound and scaled so that its peak is 1.
    """
    rng = np.random.default_rng(seed)
    responses: list[NDArray[np.float32]] = []
    while len(responses) < count:
        size = rng.uniform(SMALLEST_ROOM, LARGEST_ROOM)
        mouth = rng.uniform(WALL_CLEARANCE, size - WALL_CLEARANCE)
        direction = rng.normal(size=3)
        microphone = mouth + direction / np.linalg.norm(direction) * rng.uniform(*DISTANCE)
        reverberation = rng.uniform(*REVERBERATION)
        inside = np.all((microphone > WALL_CLEARANCE / 2) & (microphone < size - WALL_CLEARANCE / 2))
        if not inside:
            continue
        try:
            absorption, order = pyroomacoustics.inverse_sabine(reverberation, size)
        except ValueError:  # no wall absorbs enough for so short a reverberation in so large a room
            continue
        room = pyroomacoustics.ShoeBox(
            size,
            fs=SAMPLE_RATE,
            materials=pyroomacoustics.Material(absorption),
            max_order=min(order, HIGHEST_ORDER),
        )
        room.add_source(mouth)
        room.add_microphone(microphone)
        room.compute_rir()
        response = np.asarray(room.rir[0][0])
        direct = int(np.abs(response).argmax())
        response = response[max(direct - 8, 0) :][:RESPONSE_LENGTH]
        responses.append((response / np.abs(response).max()).astype(np.float32))
    return tuple(responses)
