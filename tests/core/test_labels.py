from __future__ import annotations

import pytest

from edge_app.core.labels import AFFECT_NORMS, DIMENSIONS, FOUR_CLASSES, LABELS, NORM_TERMS, Affect


def test_every_label_has_a_norm_and_the_term_it_was_taken_from():
    assert set(AFFECT_NORMS) == set(NORM_TERMS) == set(LABELS)
    assert len(set(LABELS)) == len(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_norms_lie_in_the_unit_cube(label):
    assert all(-1 <= value <= 1 for value in AFFECT_NORMS[label])


def test_norms_are_in_the_order_of_the_dimensions():
    assert Affect._fields == DIMENSIONS


def test_neutral_is_the_origin_and_signs_are_those_of_the_circumplex():
    assert AFFECT_NORMS["neutral"] == (0, 0, 0)
    assert AFFECT_NORMS["anger"].arousal > 0 > AFFECT_NORMS["anger"].valence
    assert AFFECT_NORMS["happiness"].arousal > 0 and AFFECT_NORMS["happiness"].valence > 0
    assert AFFECT_NORMS["sadness"].arousal < 0 and AFFECT_NORMS["sadness"].valence < 0
    assert AFFECT_NORMS["calm"].arousal < 0 < AFFECT_NORMS["calm"].valence


def test_the_four_classes_are_part_of_the_vocabulary():
    assert set(FOUR_CLASSES) <= set(LABELS)
