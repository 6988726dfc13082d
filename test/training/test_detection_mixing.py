from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from alphapose_ros.training.datasets import PicturePack
from alphapose_ros.training.detection_mixing import PictureMixture, PictureSource


def source(name, colour, *, count=100, is_evaluation=False):
    """Make a source whose pictures are of one colour, with as many boxes as their row modulo 3."""
    rows = np.repeat(np.arange(count), np.arange(count) % 3)[::-1]  # boxes in any order
    pack = PicturePack(
        name=name,
        pictures=np.full((count, 8, 8, 3), colour, np.uint8),
        boxes=np.repeat(rows[:, None], 4, axis=1).astype(np.float32),
        rows=rows,
        is_ignored=rows % 2 == 0,
        groups=np.arange(count),
        sizes=np.tile([4, 6], (count, 1)),
    )
    return PictureSource(pack, is_evaluation=is_evaluation)


def test_a_picture_comes_with_its_boxes():
    one = source("a", 7)
    assert [len(one.example(row).boxes) for row in (0, 1, 2, 99)] == [0, 1, 2, 0]
    assert (one.example(5).boxes == 5).all()
    assert one.example(5).is_ignored.tolist() == [False, False]
    assert one.example(5).picture.shape == (4, 6, 3)
    assert one.example(5, is_square=True).picture.shape == (8, 8, 3)


def test_ratios_hold():
    mixture = PictureMixture([source("a", 1), source("b", 2), source("c", 3)], [3, 0, 1])
    rng = np.random.default_rng(0)
    drawn = Counter(int(mixture.draw(rng).picture[0, 0, 0]) for _ in range(2000))
    assert set(drawn) == {1, 3}
    assert drawn[1] / 2000 == pytest.approx(0.75, abs=0.04)


def test_evaluation_sets_are_all_held_out():
    one = source("a", 1, is_evaluation=True)
    assert len(one.training) == 0
    assert len(one.held_out_examples(1000)) == 100


@pytest.mark.parametrize(
    ("ratios", "message"),
    [([0, 0], "above 0"), ([1, -1], "need one each"), ([1], "need one each"), ([1, 1], "held out")],
)
def test_impossible_mixtures_are_refused(ratios, message):
    with pytest.raises(ValueError, match=message):
        PictureMixture([source("a", 1), source("b", 2, is_evaluation=True)], ratios)
