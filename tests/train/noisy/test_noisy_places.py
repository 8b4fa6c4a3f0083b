"""Where things stand, and what the room makes of them, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from train.noisy.places import CONDITIONS, PLACES, RECEIVERS, ROOMS, Place, draw_place, responses, travel
from train.noisy.sides import SIDES

METRES_PER_SAMPLE = 343 / 16_000
NEAR, FAR = 20, 60


@pytest.fixture(scope="module")
def place() -> Place:
    """The speech 20 samples of travel away, the noise 60."""
    x, y, z = 3.0, 2.5, 1.2
    return Place(
        "made",
        (6.5, 5.5, 3.0),
        0.3,
        (x, y, z),
        (x + NEAR * METRES_PER_SAMPLE, y, z),
        (x, y + FAR * METRES_PER_SAMPLE, z),
    )


def test_direct_sound_comes_when_it_must_and_falls_with_distance(place: Place) -> None:
    speech, noise = responses(place)
    for response, samples in ((speech, NEAR), (noise, FAR)):
        assert np.argmax(np.abs(response)) == samples
        assert response[samples] == pytest.approx(1 / (samples * METRES_PER_SAMPLE), rel=0.01)
        assert np.abs(response[:samples]).max() < 0.01 * response[samples]  # nothing is heard before it
    assert speech[NEAR] / noise[FAR] == pytest.approx(FAR / NEAR, rel=0.01)


def test_distances_and_travel(place: Place) -> None:
    assert (place.distance, place.noise_distance) == (pytest.approx(0.42875), pytest.approx(1.28625))
    assert (travel(place.distance), travel(place.noise_distance)) == (NEAR, FAR)


def test_the_first_echo_is_that_of_the_image_below_the_floor(place: Place) -> None:
    speech, _ = responses(place)
    way = np.hypot(place.distance, 2 * 1.2)  # the image lies as far below the floor as the source above it
    at = round(way / METRES_PER_SAMPLE)
    assert np.argmax(np.abs(speech[NEAR + 1 : at + 20])) + NEAR + 1 in (at - 1, at, at + 1)
    # Sabine: T60 = 0.161 V / (S a); a reflection keeps sqrt(1 - a) of the pressure.
    volume, surface = 6.5 * 5.5 * 3.0, 2 * (6.5 * 5.5 + 6.5 * 3.0 + 5.5 * 3.0)
    kept = np.sqrt(1 - 0.161 * volume / (surface * 0.3))
    echo = speech[at - 30 : at + 31]
    energy = np.sqrt(np.sum(np.square(echo)))
    assert energy == pytest.approx(kept / way, rel=0.15)  # spread over samples around a fraction of one


def test_sound_dies_away_in_about_the_time_of_the_room() -> None:
    for number in range(0, ROOMS * PLACES, 17):
        place = draw_place("table", CONDITIONS["0dB"], "train", 5, number)
        _, noise = responses(place)
        left = np.cumsum(np.square(noise[::-1], dtype=np.float64))[::-1]  # Schroeder's integral
        decibels = 10 * np.log10(left / left[0])
        time = 3 * (np.argmax(decibels < -25) - np.argmax(decibels < -5)) / 16_000
        assert 0.5 * place.reverberation < time < 1.5 * place.reverberation


def test_the_same_place_sounds_the_same() -> None:
    first = responses(draw_place("wrist", CONDITIONS["5dB"], "test", 1, 40))
    responses.cache_clear()
    again = responses(draw_place("wrist", CONDITIONS["5dB"], "test", 1, 40))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    ("name", "a", "b", "snr"), [("10dB", 5, 35, 11.06), ("5dB", 10, 30, 4.34), ("0dB", 15, 25, 0.15)]
)
def test_the_table_of_the_paper(name: str, a: float, b: float, snr: float) -> None:
    condition = CONDITIONS[name]
    assert condition.snr == snr
    for number in range(0, ROOMS * PLACES, 7):
        place = draw_place("table", condition, "test", 0, number)
        assert place.distance / 0.0254 == pytest.approx(a)
        assert place.noise_distance / 0.0254 == pytest.approx(b)
        speech, noise = (np.subtract(at, place.receiver) for at in (place.speech, place.noise))
        between = np.degrees(np.arccos(speech @ noise / (place.distance * place.noise_distance)))
        assert between > 159.9  # the phone lies between the loudspeakers


def test_wearables_lie_below_the_mouth() -> None:
    for receiver, nearest, farthest in (("chest", 0.2, 0.3), ("wrist", 0.25, 0.6)):
        places = [draw_place(receiver, CONDITIONS["0dB"], "train", 0, number) for number in range(30)]
        assert all(nearest <= place.distance <= farthest for place in places)
        assert all(place.receiver[2] < place.speech[2] for place in places)
        assert all(0.79 <= place.noise_distance <= 2.01 for place in places)


def test_all_is_inside_the_room() -> None:
    for receiver in RECEIVERS:
        for number in range(ROOMS * PLACES):
            place = draw_place(receiver, CONDITIONS["10dB"], "train", 0, number)
            for at in (place.receiver, place.speech, place.noise):
                assert np.all(np.array(at) > 0.3)
                assert np.all(np.array(at) < np.array(place.size) - 0.3)


def test_no_room_is_on_both_sides() -> None:
    rooms = {
        side: {
            (place.room, place.size)
            for number in range(ROOMS * PLACES)
            for place in [draw_place("table", CONDITIONS["5dB"], side, 7, number)]
        }
        for side in SIDES
    }
    assert [len(rooms[side]) for side in SIDES] == [ROOMS, ROOMS]
    for part in range(2):
        assert not {room[part] for room in rooms["train"]} & {room[part] for room in rooms["test"]}
