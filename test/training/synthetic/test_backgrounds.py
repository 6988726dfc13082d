from __future__ import annotations

import cv2
import numpy as np
import pytest

from alphapose_ros.training.synthetic.backgrounds import Backgrounds


def test_pieces_are_of_the_pictures_however_large_these_are(tmp_path):
    cv2.imwrite(str(tmp_path / "large.png"), np.full((90, 4000, 3), (200, 100, 50), np.uint8))
    backgrounds = Backgrounds(tmp_path, ())
    for seed in range(5):
        piece = backgrounds.piece((48, 36), np.random.default_rng(seed))
        assert piece.shape == (48, 36, 3)
        blue, green, red = piece.reshape(-1, 3).mean(axis=0)
        np.testing.assert_allclose((blue / green, red / green), (2, 0.5), rtol=0.05)


def test_without_pictures_backgrounds_are_made_up_and_the_same_for_a_seed():
    first, second = (Backgrounds(None, ()).piece((48, 36), np.random.default_rng(3)) for _ in "ab")
    assert first.std() > 1
    np.testing.assert_array_equal(first, second)


def test_folders_without_pictures_and_damaged_ones_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--backgrounds .*: no \.jpg"):
        Backgrounds(tmp_path, ())
    (tmp_path / "bad.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"bad\.jpg is not a picture"):
        Backgrounds(tmp_path, ()).piece((48, 36), np.random.default_rng(0))
